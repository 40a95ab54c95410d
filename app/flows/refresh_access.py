"""A refresh token in, its successor and a fresh access token out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain import access_tokens, api_keys, audit, refresh_tokens
from app.domain.rate_limits import Guess
from app.domain.refresh_tokens import Duplicate, Healed, Retried, Reused, Rotated, RotateOutcome, Unreadable
from app.flows import steps
from app.flows.refusals import (
    InvalidRefreshTokenError,
    InvalidRequestError,
    InvalidScopeError,
    QuotaSpentError,
    ServiceError,
    UnauthorizedClientError,
)
from app.flows.results import Sender, TokenPair
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.names import is_idempotency_key
from app.foundation.sender import NOBODY

_ADVANCING = refresh_tokens.advancing_upon(api_keys.still_stands)


@dataclass(frozen=True)
class Refresh:
    """
    What is asked for.

    Args:
        refresh_token: untrusted; never stored, never logged.
        idempotency_key: the header of that name, 16 to 255 printable characters: a lost answer can be fetched again.
        credential: what the client shows; None where possession of the token is enough.
        scope: narrows the access token (RFC 6749 section 6); the session keeps its own.
        resources: must be the session's audience, if given (RFC 8707 section 2.2).
        sender: who asks, as far as the network tells.
    """

    refresh_token: str = field(repr=False)
    idempotency_key: str | None = field(default=None, repr=False)
    credential: steps.Credential | None = None
    scope: str | None = None
    resources: Sequence[str] = ()
    sender: Sender = NOBODY


def refresh_access(wanted: Refresh, tools: Tools) -> TokenPair:
    """
    Rotate a refresh token.

    The usual case is one statement. Only when that does not find the token at the end of its family, a
    transaction tells why, and revokes or heals the family.

    Raises:
        InvalidRefreshTokenError: unknown, spent, revoked or expired. A reuse is committed before it is refused.
        InvalidApiKeyError, InvalidClientError, TenantSuspendedError: the client is not who it claims, or may not act.
        RateLimitedError: too many wrong credentials came from this source, or for this client.
        QuotaSpentError: the client's key was used, or tokens were asked for, too often; the token is not spent.
        InvalidRequestError: the Idempotency-Key is too short or too long.
        MasterKeyAwayError: this host cannot tell; nothing was spent.
        InvalidScopeError, InvalidTargetError: more is asked than the session has; the token is not spent, unless the
            participant lost the right in this very moment.

    Source: RFC 6749 section 6, RFC 9700 section 4.14.2, CONTRACT 5.
    """
    _check_idempotency_key(wanted.idempotency_key)
    now = tools.clock.now()
    known = _known_client(wanted, tools, now)
    client = _authenticated(wanted, tools) if known is None else known
    signer = steps.signer(tools)
    try:
        presented, scope = _look(wanted, client, tools, now)
    except ServiceError:
        if known is not None:
            # That may be all the same to whoever's key is over: who refuses has looked at it.
            _authenticated(wanted, tools)
        raise

    outcome: RotateOutcome | None = None if known is None else _rotate_upon(known, wanted, presented, tools, now)
    if outcome is None:
        client = client if known is None else _authenticated(wanted, tools)
        outcome = _rotate(wanted, presented, client, tools, now)
    _tell(outcome)

    # Refuse only here: raising inside the transaction would roll a revocation back.
    if not isinstance(outcome, Rotated | Retried | Healed):
        raise InvalidRefreshTokenError

    family = outcome.family
    steps.count_refresh(family, tools, spent_before=isinstance(outcome, Retried))
    # A role may have changed since the scope was weighed: what the session has lost is not given.
    scope = family.scope if scope is None else access_tokens.shared(scope, family.scope)
    if not scope:
        raise InvalidScopeError
    until = None if client is None else client.key_rotating_until
    return steps.mint_pair(family, scope, signer, tools, now=now, offline=True, key_rotating_until=until)


def _authenticated(wanted: Refresh, tools: Tools) -> steps.Client | None:
    if wanted.credential is None:
        return None
    client = steps.authenticate_client(wanted.credential, tools)
    if client.tenant_id is None:
        raise UnauthorizedClientError
    steps.remember_client(client, wanted.credential, tools)
    return client


def _known_client(wanted: Refresh, tools: Tools, now: datetime) -> steps.Client | None:
    # For what one statement does; whoever narrows asks for more.
    credential = wanted.credential
    if credential is None or credential.assertion is not None or wanted.scope is not None or wanted.resources:
        return None
    steps.prove(credential, tools)
    client = steps.recall_client(credential, tools, now=now)
    try:
        if client is not None:
            steps.admit_recalled(client, credential, tools)
    except QuotaSpentError:
        # Its limit may have changed: whoever refuses looks at the key.
        return None
    return client


def _look(
    wanted: Refresh, client: steps.Client | None, tools: Tools, now: datetime
) -> tuple[refresh_tokens.PresentedToken, str | None]:
    presented = steps.read_refresh_token(wanted.refresh_token, tools)
    if presented is None:
        # Not one that we signed: made up, by whom there is only the source to tell. A spent one is no guess.
        raise steps.wrong(Guess(wanted.sender.address), InvalidRefreshTokenError(), tools)
    scope = _narrowed(wanted, presented, client, tools)
    steps.hold_back(presented, tools, now=now)
    return presented, scope


def _check_idempotency_key(key: str | None) -> None:
    if key is not None and not is_idempotency_key(key):
        raise InvalidRequestError("Idempotency-Key", "must be 16 to 255 printable ASCII characters")


def _narrowed(
    wanted: Refresh, presented: refresh_tokens.PresentedToken, client: steps.Client | None, tools: Tools
) -> str | None:
    if wanted.scope is None and not wanted.resources:
        return None

    # Read before the rotation, so that a refusal spends nothing; what was rotated is held against the scope once more.
    with tools.database.direct() as direct:
        family = refresh_tokens.find(direct, presented.family_id)
    if family is None or (client is not None and not client.owns(family)):
        raise InvalidRefreshTokenError
    steps.target(wanted.resources, [family.audience])
    return None if wanted.scope is None else steps.narrowed(wanted.scope, family.scope)


def _attempt(
    wanted: Refresh, presented: refresh_tokens.PresentedToken, client: steps.Client | None, tools: Tools
) -> refresh_tokens.Attempt:
    tags = steps.retry_tags(wanted.idempotency_key, presented, tools)
    if client is None:
        return refresh_tokens.Attempt(presented, tags, sender=wanted.sender)
    return refresh_tokens.Attempt(presented, tags, client.tenant_id, client.mode, wanted.sender)


def _rotate_upon(
    known: steps.Client, wanted: Refresh, presented: refresh_tokens.PresentedToken, tools: Tools, now: datetime
) -> Rotated | None:
    attempt = _attempt(wanted, presented, known, tools)
    with tools.database.direct() as connection:
        upon = refresh_tokens.Upon(_ADVANCING, known.standing)
        rotated = refresh_tokens.advance(connection, attempt, tools.families, now=now, upon=upon)
    if rotated is None:
        steps.forget_client(known, tools)
    elif wanted.credential is not None:
        steps.note_recalled(known, wanted.credential, tools)
    return rotated


def _rotate(
    wanted: Refresh,
    presented: refresh_tokens.PresentedToken,
    client: steps.Client | None,
    tools: Tools,
    now: datetime,
) -> RotateOutcome:
    attempt = _attempt(wanted, presented, client, tools)
    with tools.database.direct() as connection:
        rotated = refresh_tokens.advance(connection, attempt, tools.families, now=now)
    if rotated is not None:
        return rotated

    outcome = _settle(attempt, tools, now)
    if not isinstance(outcome, Unreadable):
        return outcome

    # Nothing was done to the family. Its master key may have come a moment ago, and is known now.
    steps.must_have(outcome.kid, tools)
    attempt = dataclasses.replace(attempt, tags=steps.retry_tags(wanted.idempotency_key, presented, tools))
    return _settle(attempt, tools, now)


def _settle(attempt: refresh_tokens.Attempt, tools: Tools, now: datetime) -> RotateOutcome:
    with tools.database.transaction() as connection:
        outcome = refresh_tokens.settle(connection, attempt, tools.families, now=now)
        if isinstance(outcome, Reused):
            family = outcome.family
            event = audit.RefreshReuseDetected(session_id=refresh_tokens.session_name(family.id), behind=outcome.behind)
            # Whoever sent it holds a copy; who that is, nobody knows.
            audit.record(connection, family.tenant_id, event, attempt.sender, actor=None, now=now)
    return outcome


def _tell(outcome: RotateOutcome) -> None:
    match outcome:
        case Retried(family=family):
            logs.event("refresh.retried", session=refresh_tokens.session_name(family.id), generation=family.generation)
        case Duplicate(family=family):
            logs.event(
                "refresh.duplicate", session=refresh_tokens.session_name(family.id), generation=family.generation
            )
        case Reused(family=family, behind=behind):
            logs.event("refresh.reuse_detected", session=refresh_tokens.session_name(family.id), behind=behind)
        case Healed(family=family, behind=behind):
            logs.event("refresh.healed", session=refresh_tokens.session_name(family.id), behind=behind)
        case _:
            pass
