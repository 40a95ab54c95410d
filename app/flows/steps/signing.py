"""The signing keys: the one that signs now, and whatever their schedule asks for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from app.domain import access_tokens, refresh_tokens, signing_keys
from app.domain.access_tokens import Expired, UnknownKey, Verified
from app.domain.signing_keys import Activate, Begin, Drop, Publish, Step, Withdraw
from app.flows.refusals import DatabaseAwayError
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.database import Connection, Direct, Value, asking
from app.foundation.errors import ConfigurationError
from app.foundation.identifiers import parse_id

_AT_ONCE = timedelta(seconds=1)
# Each round ends with nothing due, or another worker was faster; more would be a schedule that never comes to rest.
_ROUNDS = 5


def signer(tools: Tools) -> signing_keys.Signer:
    """
    Give the key that signs now; at the very first call, read it, or make the first one there is.

    A worker that was idle for too long reads the keys first: it may not sign with one that was retired meanwhile.
    """
    ready = tools.keyring.signer
    if ready is None:
        return tend(tools)
    read_again(tools, tools.schedule.stale_after)
    return tools.keyring.signer or tend(tools)


def read_again(tools: Tools, age: timedelta, *, patient: bool = True) -> None:
    """
    Read the keys if they were last read longer ago than this; go on with what there is when that fails.

    Who is not `patient` goes on with them as well while another thread reads.
    """
    now = tools.clock.now()
    if not tools.keyring.is_older_than(age, now=now):
        return
    with tools.keyring.turn_to_read(age, now=now, patient=patient) as mine:
        if mine:
            try:
                with tools.database.reading() as connection:
                    tools.keyring.fill(connection, now=now)
            except (DatabaseAwayError, ConfigurationError) as error:
                logs.warn("the signing keys could not be read again: %s", error)


def tend(tools: Tools) -> signing_keys.Signer:
    """
    Take the steps that are due, and read the keys anew. Any worker may, at any time: each step has one winner.

    The keys are opened before any step is taken: a server with another master key must not add one that nobody else
    can open. And they are made outside every transaction, since RSA takes its time.
    """
    for _ in range(_ROUNDS):
        now = tools.clock.now()
        with tools.database.reading() as connection:
            steps = signing_keys.due(signing_keys.records(connection), tools.schedule, now)
            ready = tools.keyring.fill(connection, now=now)
        if not steps and ready is not None:
            return ready
        for step in steps:
            _take(step, tools, now)
    raise RuntimeError("the schedule of the signing keys does not come to rest")


def verify(presented: str, tools: Tools, *, own_api: bool = False) -> Verified | Expired | None:
    """
    Verify an access token from the published keys; None when it is not ours.

    A `kid` that is not known makes the keys be read anew, at most once a second: it may have begun to sign, in an
    emergency, a moment ago.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.
        own_api: take tokens for our own API only, not for every configured audience.
    """
    signer(tools)
    outcome = _verify(presented, tools, own_api=own_api)
    if isinstance(outcome, UnknownKey):
        read_again(tools, _AT_ONCE)
        outcome = _verify(presented, tools, own_api=own_api)
    return outcome if isinstance(outcome, Verified | Expired) else None


def held() -> Value:
    """
    Select what a verified token is held against, once more: what its session may do, if that lives and the key that
    signed the token was not revoked.
    """
    return refresh_tokens.held(signing_keys.trusted())


def claimed(token: Verified, *, now: datetime) -> Mapping[str, object]:
    """Give the parameters of `held` for a token."""
    session_id = parse_id(refresh_tokens.SESSION_PREFIX, token.claims.sid)
    issued_at = datetime.fromtimestamp(token.claims.iat, UTC)
    of_session = refresh_tokens.claimed(session_id, token.claims.role, issued_at, now=now)
    return {**of_session, "signed_by": token.kid}


def upholds(held_scope: str | None, token: Verified) -> bool:
    """Tell whether a verified token still holds, by what `held` gave for it."""
    return refresh_tokens.upholds(held_scope, token.claims.role, token.claims.scope)


def is_alive(connection: Connection | Direct, token: Verified, *, now: datetime) -> bool:
    """Tell whether a verified token still holds: its session lives, and the key that signed it was not revoked."""
    (scope,) = _ask(connection, claimed(token, now=now))
    return upholds(scope, token)


_ask = asking(held)


def _verify(presented: str, tools: Tools, *, own_api: bool) -> access_tokens.Outcome:
    return access_tokens.verify(
        presented,
        tools.keyring.public_key,
        issuer=tools.http.issuer,
        audiences=tools.http.audiences[:1] if own_api else tools.http.audiences,
        now=tools.clock.now(),
    )


def _take(step: Step, tools: Tools, now: datetime) -> None:
    kind, wrapping = tools.schedule.kind, tools.keyring.wrapping
    key = signing_keys.generate(kind) if isinstance(step, Begin | Publish) else None
    with tools.database.transaction() as connection:
        match step:
            case Begin() if key is not None:
                event, kid = "signing_key.activated", signing_keys.begin(connection, key, kind, wrapping, now=now)
            case Publish() if key is not None:
                event, kid = "signing_key.published", signing_keys.publish(connection, key, kind, wrapping, now=now)
            case Activate(kid=named):
                done = signing_keys.activate(connection, named, tools.schedule, now=now)
                event, kid = "signing_key.activated", named if done else None
            case Withdraw(kid=named):
                done = signing_keys.withdraw(connection, named, now=now)
                event, kid = "signing_key.withdrawn", named if done else None
            case Drop(kid=named):
                done = signing_keys.drop(connection, named, now=now)
                event, kid = "signing_key.dropped", named if done else None
            case _:
                return
    if kid is not None:
        logs.event(event, kid=kid)
