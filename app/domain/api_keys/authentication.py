"""Tell whose key a string is, and keep a key as it is while something is made on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, true

from app.domain.api_keys import format as key_format
from app.domain.api_keys.details import lock_name, own_end, works_at
from app.domain.api_keys.peppers import Pepper
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation import opaque
from app.foundation.database import lean_on


@dataclass(frozen=True)
class Key:
    """
    A key as it stands, without its secret.

    `rotating_until` is the end of its grace, when it has been replaced or has leaked; at `expires_at` it is over, and
    whatever it opens. `networks` are those that it may be used from, and `from_browsers` lets a browser send it.
    `requests_per_minute` is a limit of its own, None the usual one.
    An operator's key with an `audience` stands for one resource server. With `assertion_only` it is no client secret at
    the OAuth endpoints.
    """

    id: str
    kind: key_format.Kind
    mode: key_format.Mode
    tenant_id: UUID | None
    scopes: str
    rotating_until: datetime | None
    expires_at: datetime | None
    networks: Sequence[str] | None
    from_browsers: bool
    audience: str | None
    assertion_only: bool
    requests_per_minute: int | None = None


@dataclass(frozen=True)
class Authenticated:
    """
    The key is right and alive; `suspended` says that its tenant may not act for now, `outdated` that its MAC wants to
    be renewed.
    """

    key: Key
    suspended: bool
    outdated: bool = False


@dataclass(frozen=True)
class Unreadable:
    """There is such a living key, and its MAC was made under a pepper that is not known here: nobody can tell."""

    pepper_id: str


@dataclass(frozen=True)
class Rejected:
    """The key is unknown, malformed, revoked or expired; callers may not learn which."""


Outcome = Authenticated | Rejected | Unreadable


def authenticate(
    connection: Connection,
    presented: key_format.PresentedKey,
    *,
    peppers: Sequence[Pepper],
    now: datetime,
    hold: bool = False,
    retired: bool = False,
) -> Outcome:
    """
    Tell whose key this is.

    Args:
        presented: parsed, and otherwise untrusted; never stored, never logged.
        peppers: the keys of the MACs at rest, the current one first.
        now: aware, UTC.
        hold: keep the key from being revoked or suspended until the transaction is over, for stories that
            start something which a revocation must find.
        retired: also one that does not work any more: only for what a key may do after its end.

    Returns:
        Authenticated, or Rejected: an unknown, a revoked and a wrong key alike find no row, so that their time does
        not tell them apart. Unreadable: its pepper is missing here.
    """
    if hold:
        lean_on(connection, lock_name(presented.id))
    codes = {pepper.id: opaque.mac(pepper.secret, presented.text) for pepper in peppers}
    # A MAC that cannot be checked here is found too: to say that it is wrong would be a guess.
    of_another = ApiKeyRow.pepper_id.not_in(codes)
    statement = select(ApiKeyRow.__table__, own_end().label("own_end")).where(
        ApiKeyRow.id == presented.id,
        ApiKeyRow.mac.in_(codes.values()) | of_another,
        true() if retired else works_at(now),
    )
    row = connection.execute(statement).first()
    if row is None:
        return Rejected()
    right = [pepper_id for pepper_id, code in codes.items() if opaque.same(code, row.mac)]
    if not right:
        return Unreadable(row.pepper_id) if row.pepper_id not in {None, *codes} else Rejected()
    outdated = row.pepper_id != peppers[0].id
    return Authenticated(key=_key(row), suspended=row.suspended_at is not None, outdated=outdated)


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


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        kind=row.kind,
        mode=row.mode,
        tenant_id=row.tenant_id,
        scopes=row.scopes,
        rotating_until=row.grace_ends_at,
        expires_at=row.own_end,
        networks=None if row.networks is None else row.networks.split(" "),
        from_browsers=row.from_browsers,
        audience=row.audience,
        assertion_only=row.assertion_only,
        requests_per_minute=row.requests_per_minute,
    )
