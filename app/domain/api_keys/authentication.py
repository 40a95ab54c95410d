"""Tell whose key a string is, and keep a key as it is while something is made on it."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    LargeBinary,
    Row,
    Select,
    String,
    and_,
    bindparam,
    case,
    false,
    or_,
    select,
    true,
)
from sqlalchemy.orm import aliased

from app.domain.api_keys import format as key_format
from app.domain.api_keys.details import lock_name, own_end, works_at
from app.domain.api_keys.peppers import Pepper
from app.domain.api_keys.standing import standing_of
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation import opaque
from app.foundation.database import Direct, Prepared, UtcDateTime, lean_on


@dataclass(frozen=True)
class Key:
    """
    A key as it stands, without its secret.

    `rotating_until` is the end of its grace, when it has been replaced or has leaked; at `expires_at` it is over, and
    whatever it opens. `networks` are those that it may be used from, and `from_browsers` lets a browser send it.
    `requests_per_minute` is a limit of its own, None the usual one.
    `standing` is what a session relies on that is opened with it: the parameters of `stands` and `still_stands`.
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
    standing: Mapping[str, object] = field(default_factory=dict, repr=False)


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
    connection: Connection | Direct,
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
        if not isinstance(connection, Connection):
            raise TypeError("only a transaction can hold a key")
        lean_on(connection, lock_name(presented.id))
    codes = {pepper.id: opaque.mac(pepper.secret, presented.text) for pepper in peppers}
    values: dict[str, object] = {"presented": presented.id, "now": now}
    for number, (pepper_id, code) in enumerate(codes.items()):
        values |= {f"pepper_{number}": pepper_id, f"mac_{number}": code}
    row = _finding(len(codes), retired).first(connection, values)
    if row is None:
        return Rejected()
    right = [pepper_id for pepper_id, code in codes.items() if opaque.same(code, row.mac)]
    if not right:
        return Unreadable(row.pepper_id) if row.pepper_id not in {None, *codes} else Rejected()
    outdated = row.pepper_id != peppers[0].id
    return Authenticated(key=_key(row), suspended=row.suspended_at is not None, outdated=outdated)


_READ = (
    "id",
    "kind",
    "mode",
    "tenant_id",
    "mac",
    "pepper_id",
    "scopes",
    "grace_ends_at",
    "expires_at",
    "networks",
    "from_browsers",
    "audience",
    "assertion_only",
    "requests_per_minute",
    "suspended_at",
)


@functools.cache
def _finding(peppers: int, retired: bool) -> Prepared:  # noqa: FBT001  a key of the cache
    def write(_dialect: str) -> Select[Any]:
        macs = [bindparam(f"mac_{number}", type_=LargeBinary) for number in range(peppers)]
        known = [bindparam(f"pepper_{number}", type_=String) for number in range(peppers)]
        # A MAC that cannot be checked here is found too: to say that it is wrong would be a guess.
        of_another = and_(*(ApiKeyRow.pepper_id != each for each in known))
        # The next key there is, if there is no such id: to read a row takes its time, and a thief has a stopwatch.
        presented, other = bindparam("presented", type_=String), aliased(ApiKeyRow)
        right = and_(
            or_(*(ApiKeyRow.mac == each for each in macs), of_another),
            true() if retired else works_at(bindparam("now", type_=UtcDateTime)),
        )
        nearest = select(other.id).where(other.id >= presented).order_by(other.id).limit(1).scalar_subquery()
        return select(*(ApiKeyRow.__table__.c[name] for name in _READ), own_end().label("own_end")).where(
            ApiKeyRow.id == nearest,
            # In this order: that it is another key is seen last, when everything else would be right.
            case((right, ApiKeyRow.id.concat("") == presented), else_=false()),
        )

    return Prepared(write)


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
        standing=standing_of(row),
    )
