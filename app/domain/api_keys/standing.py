"""Whether a key is as it was when it was authenticated: asked by what relies on it, or made sure by a lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, String, and_, bindparam, exists, func, select

from app.domain.api_keys.details import lock_name, own_end, works_at
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation.database import lean_on, lock_number

# What a key may do, from where, how often, and until when.
_RELIED_ON = (
    *("scopes", "expires_at", "grace_ends_at", "networks", "from_browsers", "assertion_only"),
    "requests_per_minute",
)


def stands(dialect: str, values: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """
    Select these values if a key still is as it was when it was authenticated; a premise for a row that relies on it.

    A statement sees what was committed before it began. So on PostgreSQL the row is locked, which makes it look again
    at what has changed since; and the key is leaned on first, if nobody waits to end it: otherwise there is no row, and
    who comes has to stand in line (docs/decisions/0009-locks-that-end-an-authority.md).
    """
    statement = select(*values).where(_unchanged())
    if dialect == "sqlite":
        return statement
    leaned = select(func.pg_try_advisory_xact_lock_shared(bindparam("key_lock", type_=BigInteger))).scalar_subquery()
    return statement.where(leaned).with_for_update(read=True, of=ApiKeyRow.__table__)


def still_stands() -> ColumnElement[bool]:
    """
    Say that a key is as it was when it was authenticated, by what is committed when the statement begins; for what
    whoever ends a key ends or undoes with it, so that nothing has to be held. The parameters are those of `stands`.
    """
    return exists().where(_unchanged())


def standing_of(row: Row[Any]) -> Mapping[str, object]:
    """Give what a row says that is relied on, as the parameters of `stands`; for this room only."""
    relied_on = {f"key_{name}": getattr(row, name) for name in _RELIED_ON}
    return {"key_lock": lock_number(lock_name(row.id)), "key_id": row.id, **relied_on}


@dataclass(frozen=True)
class Held:
    """
    A key that is kept as it is: whether it works, what it may do, from where, its own end, that of its grace, and how
    often it may be used.

    What it opens goes on when it was replaced, and is over by its own end; after a leak, with its grace.
    """

    works: bool
    scopes: str
    networks: Sequence[str] | None
    expires_at: datetime | None
    grace_ends_at: datetime | None
    requests_per_minute: int | None = None


def hold(connection: Connection, key_id: str, *, now: datetime) -> Held:
    """Keep a key from being revoked, changed or suspended until the transaction is over, and tell how it stands."""
    lean_on(connection, lock_name(key_id))
    columns = (ApiKeyRow.__table__, works_at(now).label("works"), own_end().label("own_end"))
    statement = select(*columns).where(ApiKeyRow.id == key_id)
    row = connection.execute(statement).one()
    networks = None if row.networks is None else row.networks.split(" ")
    return Held(row.works, row.scopes, networks, row.own_end, row.grace_ends_at, row.requests_per_minute)


def _unchanged() -> ColumnElement[bool]:
    columns = ApiKeyRow.__table__.c
    unchanged = (
        columns[name].is_not_distinct_from(bindparam(f"key_{name}", type_=columns[name].type)) for name in _RELIED_ON
    )
    return and_(
        columns.id == bindparam("key_id", type_=String),
        columns.revoked_at.is_(None),
        columns.suspended_at.is_(None),
        *unchanged,
    )
