"""The steps of the schedule, each claimed by one of many workers; what a step finds gone was done by another."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from joserfc.jwk import Key
from sqlalchemy import Connection, Row, String, bindparam, exc, exists, insert, select, update

from app.domain.signing_keys.lifecycle import KeyRecord, Schedule
from app.domain.signing_keys.tables import SigningKeyRow
from app.domain.signing_keys.wrapping import WrappingKey, WrappingKeys, unwrap, wrap, wrapped_under
from app.foundation.database import Condition


def records(connection: Connection) -> Sequence[KeyRecord]:
    """List every key there ever was, oldest first, without its private half."""
    rows = connection.execute(select(SigningKeyRow).order_by(SigningKeyRow.published_at, SigningKeyRow.kid))
    return [record_of(row) for row in rows]


def record_of(row: Row[SigningKeyRow]) -> KeyRecord:
    """Give what the schedule knows of a key."""
    return KeyRecord(
        kid=row.kid,
        kind=row.alg,
        state=row.state,
        published_at=row.published_at,
        activated_at=row.activated_at,
        retired_at=row.retired_at,
        verify_until=row.verify_until,
        revoked_at=row.revoked_at,
        reason=row.reason,
    )


def trusted() -> Condition:
    """Say that tokens of a key, the parameter `signed_by`, still hold: it is there, and was not revoked."""
    return exists().where(SigningKeyRow.kid == bindparam("signed_by", type_=String), SigningKeyRow.state != "revoked")


def publish(connection: Connection, key: Key, kind: str, wrapping: WrappingKey, *, now: datetime) -> str | None:
    """Publish a key as the standby, and give its `kid`; None when there is a standby already."""
    return _insert(connection, key, wrapping, {"alg": kind, "state": "standby", "published_at": now})


def begin(connection: Connection, key: Key, kind: str, wrapping: WrappingKey, *, now: datetime) -> str | None:
    """Publish a key that signs at once, and give its `kid`; None when another key is active."""
    row = {"alg": kind, "state": "active", "published_at": now, "activated_at": now}
    return _insert(connection, key, wrapping, row)


def activate(connection: Connection, kid: str, schedule: Schedule, *, now: datetime, reason: str | None = None) -> bool:
    """
    Let the standby sign, and retire the key that did, in one transaction; False when it is no standby (any more).

    The standby's row is claimed first: of many workers, the others wait, and find it active.
    """
    standby = select(SigningKeyRow.kid).where(SigningKeyRow.kid == kid, SigningKeyRow.state == "standby")
    if connection.execute(standby.with_for_update()).first() is None:
        return False

    retired = {"state": "retired", "retired_at": now, "verify_until": now + schedule.keep_after}
    active = {"state": "active", "activated_at": now, "reason": reason}
    try:
        with connection.begin_nested():
            connection.execute(update(SigningKeyRow).where(SigningKeyRow.state == "active").values(retired))
            connection.execute(update(SigningKeyRow).where(SigningKeyRow.kid == kid).values(active))
    except exc.IntegrityError:
        # A first key began to sign at this very moment.
        return False
    return True


def withdraw(connection: Connection, kid: str, *, now: datetime, reason: str | None = None) -> bool:
    """Take back a standby, which never signed; False when it is none (any more)."""
    return _end(connection, kid, ("standby",), now, reason)


def drop(connection: Connection, kid: str, *, now: datetime, reason: str | None = None) -> bool:
    """Let a retired key go, with its private half; False when it is not retired (any more)."""
    return _end(connection, kid, ("retired",), now, reason)


def revoke(connection: Connection, kid: str, *, now: datetime, reason: str) -> bool:
    """Revoke a key in an emergency, whatever its state, with its private half; False when it is gone already."""
    return _end(connection, kid, ("standby", "active", "retired"), now, reason)


def wrapped(connection: Connection) -> Mapping[str, str | None]:
    """Tell under which wrapping key every key that is not gone lies, by `kid`."""
    rows = connection.execute(select(SigningKeyRow).where(SigningKeyRow.state != "revoked"))
    return {row.kid: wrapped_under(row.private_jwe) for row in rows}


def rewrap(connection: Connection, kid: str, keys: WrappingKeys) -> bool:
    """
    Wrap a key anew under the current wrapping key; False when it is gone, or was wrapped anew meanwhile.

    Raises:
        ConfigurationError: it does not open with any key that is known here.
    """
    statement = select(SigningKeyRow).where(SigningKeyRow.kid == kid, SigningKeyRow.state != "revoked")
    row = connection.execute(statement).first()
    if row is None:
        return False
    under = keys.current()
    if wrapped_under(row.private_jwe) == under.id:
        return False
    anew = wrap(unwrap(row.private_jwe, kid, keys.of(row.private_jwe)), under)
    same = (SigningKeyRow.kid == kid) & (SigningKeyRow.private_jwe == row.private_jwe)
    return connection.execute(update(SigningKeyRow).where(same).values(private_jwe=anew)).rowcount == 1


def _end(connection: Connection, kid: str, states: Sequence[str], now: datetime, reason: str | None) -> bool:
    claim = update(SigningKeyRow).where(SigningKeyRow.kid == kid, SigningKeyRow.state.in_(states))
    gone = {"state": "revoked", "revoked_at": now, "private_jwe": ""}
    if reason is not None:
        gone["reason"] = reason
    return connection.execute(claim.values(gone)).rowcount == 1


def _insert(connection: Connection, key: Key, wrapping: WrappingKey, row: dict[str, object]) -> str | None:
    kid = key.thumbprint()
    try:
        with connection.begin_nested():
            connection.execute(insert(SigningKeyRow).values(kid=kid, private_jwe=wrap(key, wrapping), **row))
    except exc.IntegrityError:
        # Another worker was faster.
        return None
    return kid
