"""Issue, authenticate, rotate, suspend and revoke API keys."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, update

from app.domain.api_keys import format as key_format
from app.domain.api_keys.peppers import Pepper
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation import opaque
from app.foundation.database import have_alone, lean_on


@dataclass(frozen=True)
class Key:
    """
    A key as it stands, without its secret.

    `rotating_until` is the end of its grace, when it has been replaced. An operator's key with an `audience` stands
    for one resource server. With `assertion_only` it is no client secret at the OAuth endpoints.
    """

    id: str
    kind: key_format.Kind
    mode: str
    tenant_id: UUID | None
    scopes: str
    rotating_until: datetime | None
    audience: str | None
    assertion_only: bool


@dataclass(frozen=True)
class NewKey:
    """What a key is issued for: a tenant (`sk`), or an operator (`ak`), who has none."""

    kind: key_format.Kind
    tenant_id: UUID | None
    scopes: str
    mode: str = "live"
    replaces: str | None = None
    audience: str | None = None
    assertion_only: bool = False


@dataclass(frozen=True)
class IssuedKey:
    """A new key; `text` is the whole of it, in clear for this one time."""

    id: str
    text: str = field(repr=False)

    @property
    def name(self) -> str:
        """Give its id as it stands on the wire."""
        return key_format.key_name(self.id)


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


def issue(connection: Connection, new: NewKey, *, pepper: Pepper, now: datetime) -> IssuedKey:
    """Issue a key; only its MAC is kept."""
    key_id = opaque.random_base62(key_format.ID_LENGTH)
    text = key_format.compose(new.kind, new.mode, key_id, opaque.random_base62(key_format.SECRET_LENGTH))
    code = opaque.mac(pepper.secret, text)
    row = {"id": key_id, "mac": code, "pepper_id": pepper.id, "created_at": now, **dataclasses.asdict(new)}
    connection.execute(insert(ApiKeyRow).values(row))
    return IssuedKey(id=key_id, text=text)


def authenticate(
    connection: Connection,
    presented: key_format.PresentedKey,
    *,
    peppers: Sequence[Pepper],
    now: datetime,
    hold: bool = False,
) -> Outcome:
    """
    Tell whose key this is.

    Args:
        presented: parsed, and otherwise untrusted; never stored, never logged.
        peppers: the keys of the MACs at rest, the current one first.
        now: aware, UTC.
        hold: keep the key from being revoked or suspended until the transaction is over, for stories that
            start something which a revocation must find.

    Returns:
        Authenticated, or Rejected: an unknown, a revoked and a wrong key alike find no row, so that their time does
        not tell them apart. Unreadable: its pepper is missing here.
    """
    if hold:
        lean_on(connection, _lock_name(presented.id))
    codes = {pepper.id: opaque.mac(pepper.secret, presented.text) for pepper in peppers}
    # A MAC that cannot be checked here is found too: to say that it is wrong would be a guess.
    of_another = ApiKeyRow.pepper_id.not_in(codes)
    statement = select(ApiKeyRow).where(
        ApiKeyRow.id == presented.id,
        ApiKeyRow.mac.in_(codes.values()) | of_another,
        ApiKeyRow.revoked_at.is_(None),
        ApiKeyRow.grace_ends_at.is_(None) | (ApiKeyRow.grace_ends_at > now),
    )
    row = connection.execute(statement).first()
    if row is None:
        return Rejected()
    right = [pepper_id for pepper_id, code in codes.items() if opaque.same(code, row.mac)]
    if not right:
        return Unreadable(row.pepper_id) if row.pepper_id not in {None, *codes} else Rejected()
    outdated = row.pepper_id != peppers[0].id
    return Authenticated(key=_key(row), suspended=row.suspended_at is not None, outdated=outdated)


def hold(connection: Connection, key_id: str, *, now: datetime) -> bool:
    """Keep a key from being revoked or suspended until the transaction is over, and tell whether it still works."""
    lean_on(connection, _lock_name(key_id))
    statement = select(ApiKeyRow.id).where(
        ApiKeyRow.id == key_id,
        ApiKeyRow.revoked_at.is_(None),
        ApiKeyRow.grace_ends_at.is_(None) | (ApiKeyRow.grace_ends_at > now),
    )
    return connection.execute(statement).first() is not None


def rotate(
    connection: Connection, key_id: str, *, grace_ends_at: datetime, pepper: Pepper, now: datetime
) -> IssuedKey | None:
    """
    Replace a key by a new one with the same rights; the old one works until `grace_ends_at`, exclusive.

    Without a grace it is revoked, which no clock can see differently: a worker whose clock is behind, or whose
    request waited for this transaction, must not find it alive.

    Of many rotations of one key at once, one wins; None tells the others, who have changed nothing.
    """
    have_alone(connection, _lock_name(key_id))
    claim = update(ApiKeyRow).where(
        ApiKeyRow.id == key_id,
        ApiKeyRow.revoked_at.is_(None),
        ApiKeyRow.suspended_at.is_(None),
        ApiKeyRow.grace_ends_at.is_(None),
    )
    ending = {"grace_ends_at": grace_ends_at, "revoked_at": None if grace_ends_at > now else now}
    row = connection.execute(claim.values(ending).returning(ApiKeyRow.__table__)).first()
    if row is None:
        return None

    new = NewKey(
        kind=row.kind,
        tenant_id=row.tenant_id,
        scopes=row.scopes,
        mode=row.mode,
        replaces=key_id,
        audience=row.audience,
        assertion_only=row.assertion_only,
    )
    return issue(connection, new, pepper=pepper, now=now)


def revoke(connection: Connection, key_id: str, *, now: datetime) -> None:
    """Revoke one key, for good."""
    have_alone(connection, _lock_name(key_id))
    revoked = func.coalesce(ApiKeyRow.revoked_at, now)
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(revoked_at=revoked))


def suspend_all(connection: Connection, tenant_id: UUID, *, now: datetime) -> None:
    """Pause every key of a tenant."""
    _have_all_alone(connection, tenant_id)
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id).values(suspended_at=now))


def resume_all(connection: Connection, tenant_id: UUID) -> None:
    """Let the keys of a tenant work again."""
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id).values(suspended_at=None))


def set_assertion_only(connection: Connection, tenant_id: UUID, *, assertion_only: bool) -> None:
    """Let the keys of a tenant be client secrets no longer, or again."""
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id).values(assertion_only=assertion_only))


def revoke_all(connection: Connection, tenant_id: UUID, *, now: datetime) -> None:
    """Revoke every key of a tenant, for good."""
    _have_all_alone(connection, tenant_id)
    revoked = func.coalesce(ApiKeyRow.revoked_at, now)
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id).values(revoked_at=revoked))


def _have_all_alone(connection: Connection, tenant_id: UUID) -> None:
    # In one order, and with the tenant held, so that no key is added meanwhile.
    statement = select(ApiKeyRow.id).where(ApiKeyRow.tenant_id == tenant_id).order_by(ApiKeyRow.id)
    for key_id in connection.execute(statement).scalars().all():
        have_alone(connection, _lock_name(key_id))


def _lock_name(key_id: str) -> str:
    return f"api_keys/{key_id}"


def _key(row: Row[ApiKeyRow]) -> Key:
    return Key(
        id=row.id,
        kind=row.kind,
        mode=row.mode,
        tenant_id=row.tenant_id,
        scopes=row.scopes,
        rotating_until=row.grace_ends_at,
        audience=row.audience,
        assertion_only=row.assertion_only,
    )
