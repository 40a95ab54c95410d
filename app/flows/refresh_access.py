"""A refresh token in, its successor and a fresh access token out."""

import base64
import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import access_tokens, api_keys, refresh_tokens
from app.domain.refresh_tokens import Duplicate, Healed, Retried, Reused, Rotated, RotateOutcome
from app.flows import steps
from app.flows.refusals import (
    InvalidApiKeyError,
    InvalidRefreshTokenError,
    InvalidRequestError,
    InvalidScopeError,
)
from app.flows.results import TokenPair
from app.flows.tools import Tools
from app.foundation import logs, opaque
from app.foundation.identifiers import print_id


@dataclass(frozen=True)
class Refresh:
    """
    What is asked for.

    Args:
        refresh_token: untrusted; never stored, never logged.
        idempotency_key: the header of that name, 16 to 255 printable characters: a lost answer can be fetched again.
        client_id: the tenant that the client claims to be, with `client_secret`; None where possession is enough.
        scope: narrows the access token (RFC 6749 section 6); the session keeps its own.
    """

    refresh_token: str = field(repr=False)
    idempotency_key: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    scope: str | None = None


def refresh_access(wanted: Refresh, tools: Tools) -> TokenPair:
    """
    Rotate a refresh token.

    The usual case is one statement. Only when that does not find the token at the end of its family, a
    transaction tells why, and revokes or heals the family.

    Raises:
        InvalidRefreshTokenError: unknown, spent, revoked or expired. A reuse is committed before it is refused.
        InvalidApiKeyError, TenantSuspendedError: the client is not who it claims to be, or may not act.
        InvalidRequestError: the Idempotency-Key is too short or too long.
        InvalidScopeError: the scope is wider than the session's; the token is not spent.

    Source: RFC 6749 section 6, RFC 9700 section 4.14.2, CONTRACT 5.
    """
    _check_idempotency_key(wanted.idempotency_key)
    key = None if wanted.client_id is None else _authenticate(wanted, tools)
    signer = steps.signer(tools)
    presented = refresh_tokens.parse(wanted.refresh_token, tools.http.issuer, tools.refresh_keys)
    if presented is None:
        raise InvalidRefreshTokenError

    tenant_id = None if key is None else key.tenant_id
    scope = _narrowed(wanted.scope, presented, tenant_id, tools)
    tag = _tag(wanted.idempotency_key, presented, tools)
    now = tools.clock.now()
    outcome = _rotate(refresh_tokens.Attempt(presented, tag, tenant_id), tools, now)
    _tell(outcome)

    # Refuse only here: raising inside the transaction would roll a revocation back.
    if not isinstance(outcome, Rotated | Retried | Healed):
        raise InvalidRefreshTokenError

    family = outcome.family
    pair = steps.mint_pair(family, scope or family.scope, signer, tools, now=now, offline=True)
    return pair if key is None else dataclasses.replace(pair, key_rotating_until=key.rotating_until)


def _check_idempotency_key(key: str | None) -> None:
    if key is not None and not (16 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise InvalidRequestError("Idempotency-Key", "must be 16 to 255 printable ASCII characters")


def _authenticate(wanted: Refresh, tools: Tools) -> api_keys.Key:
    presented = steps.read_key(wanted.client_secret or "")
    with tools.database.reading() as connection:
        outcome = api_keys.authenticate(connection, presented, pepper=tools.master.pepper, now=tools.clock.now())
    key = steps.admit(outcome)
    if key.tenant_id is None or print_id("tenant", key.tenant_id) != wanted.client_id:
        raise InvalidApiKeyError
    return key


def _narrowed(
    asked: str | None, presented: refresh_tokens.PresentedToken, tenant_id: UUID | None, tools: Tools
) -> str | None:
    if asked is None or tenant_id is None:
        return None

    # The scope of a session never changes, so it may be read before the rotation: a refusal spends nothing.
    with tools.database.reading() as connection:
        held = refresh_tokens.scope_of(connection, presented.family_id, tenant_id)
    if held is None:
        raise InvalidRefreshTokenError
    scope = access_tokens.narrow(asked, held)
    if scope is None:
        raise InvalidScopeError
    return scope


def _tag(key: str | None, presented: refresh_tokens.PresentedToken, tools: Tools) -> str | None:
    if key is None:
        return None
    code = opaque.mac(tools.master.retry_tags, presented.family_id.hex, key)
    return base64.urlsafe_b64encode(code).decode()[: refresh_tokens.TAG_LENGTH]


def _rotate(attempt: refresh_tokens.Attempt, tools: Tools, now: datetime) -> RotateOutcome:
    with tools.database.statement() as connection:
        rotated = refresh_tokens.advance(connection, attempt, tools.families, now=now)
    if rotated is not None:
        return rotated

    with tools.database.transaction() as connection:
        return refresh_tokens.settle(connection, attempt, tools.families, now=now)


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
