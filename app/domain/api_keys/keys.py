"""Issue, rotate, suspend and revoke API keys."""

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Case, Connection, case, func, insert, literal, select, update

from app.domain.api_keys import format as key_format
from app.domain.api_keys.details import lock_name, replaced, works_at
from app.domain.api_keys.peppers import Pepper
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation import opaque
from app.foundation.database import UtcDateTime, have_alone


@dataclass(frozen=True)
class NewKey:
    """
    What a key is issued for: a tenant (`sk`), or an operator (`ak`), who has none.

    `notes` is the owner's metadata as JSON; `networks` has spaces between; both as they are kept. Without
    `requests_per_minute`, it may be used as often as is usual.
    """

    kind: key_format.Kind
    tenant_id: UUID | None
    scopes: str
    mode: key_format.Mode = "live"
    replaces: str | None = None
    audience: str | None = None
    assertion_only: bool = False
    name: str | None = None
    notes: str | None = None
    networks: str | None = None
    from_browsers: bool = False
    expires_at: datetime | None = None
    suspended_at: datetime | None = None
    requests_per_minute: int | None = None


@dataclass(frozen=True)
class IssuedKey:
    """A new key; `text` is the whole of it, in clear for this one time."""

    id: str
    text: str = field(repr=False)

    @property
    def name(self) -> str:
        """Give its id as it stands on the wire."""
        return key_format.key_name(self.id)


def issue(connection: Connection, new: NewKey, *, pepper: Pepper, now: datetime) -> IssuedKey:
    """Issue a key; only its MAC is kept."""
    key_id = opaque.random_base62(key_format.ID_LENGTH)
    text = key_format.compose(new.kind, new.mode, key_id, opaque.random_base62(key_format.SECRET_LENGTH))
    code = opaque.mac(pepper.secret, text)
    row = {"id": key_id, "mac": code, "pepper_id": pepper.id, "created_at": now, **dataclasses.asdict(new)}
    connection.execute(insert(ApiKeyRow).values(row))
    return IssuedKey(id=key_id, text=text)


def rotate(
    connection: Connection, key_id: str, *, grace_ends_at: datetime, pepper: Pepper, now: datetime
) -> IssuedKey | None:
    """
    Replace a key by a new one with the same rights and the same end; the old one works until `grace_ends_at`,
    exclusive, and never beyond its own end or a grace that has begun. One that it had replaced itself, and that is
    still in its grace, ends now.

    Without a grace it is revoked, which no clock can see differently: a worker whose clock is behind, or whose
    request waited for this transaction, must not find it alive.

    Of many rotations of one key at once, one wins; None tells the others, who have changed nothing.
    """
    have_alone(connection, lock_name(key_id))
    claim = update(ApiKeyRow).where(
        ApiKeyRow.id == key_id,
        works_at(now),
        ApiKeyRow.suspended_at.is_(None),
        # It may be in its grace all the same, after a leak.
        ~replaced(),
    )
    ending = {
        "grace_ends_at": _at_the_latest(grace_ends_at),
        "revoked_at": None if grace_ends_at > now else now,
    }
    row = connection.execute(claim.values(ending).returning(ApiKeyRow.__table__)).first()
    if row is None:
        return None
    if row.replaces is not None:
        revoke(connection, row.replaces, now=now)

    new = NewKey(
        kind=row.kind,
        tenant_id=row.tenant_id,
        scopes=row.scopes,
        mode=row.mode,
        replaces=key_id,
        audience=row.audience,
        assertion_only=row.assertion_only,
        name=row.name,
        notes=row.metadata,
        networks=row.networks,
        from_browsers=row.from_browsers,
        expires_at=row.expires_at,
        requests_per_minute=row.requests_per_minute,
    )
    return issue(connection, new, pepper=pepper, now=now)


def begin_grace(connection: Connection, key_id: str, *, ends_at: datetime, now: datetime) -> datetime | None:
    """
    Let a key work until a moment at the latest, though nothing has replaced it yet; gives until when it does.

    Its own end stands, and a grace that has begun, if they come first. None when it does not work.
    """
    have_alone(connection, lock_name(key_id))
    claim = update(ApiKeyRow).where(ApiKeyRow.id == key_id, works_at(now))
    ended = claim.values(grace_ends_at=_at_the_latest(ends_at)).returning(ApiKeyRow.grace_ends_at)
    return connection.execute(ended).scalar_one_or_none()


def revoke(connection: Connection, key_id: str, *, now: datetime) -> bool:
    """Revoke one key, for good; False when it was before."""
    have_alone(connection, lock_name(key_id))
    claim = update(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
    return connection.execute(claim.values(revoked_at=now)).rowcount == 1


def suspend_all(connection: Connection, tenant_id: UUID, *, now: datetime) -> None:
    """Pause every key of a tenant."""
    _have_all_alone(connection, tenant_id)
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id).values(suspended_at=now))


def resume_all(connection: Connection, tenant_id: UUID) -> None:
    """Let the keys of a tenant work again."""
    # Those alone that are suspended, which nobody exchanges: for the others it would have to stand in line.
    suspended = (ApiKeyRow.tenant_id == tenant_id) & ApiKeyRow.suspended_at.is_not(None)
    connection.execute(update(ApiKeyRow).where(suspended).values(suspended_at=None))


def set_assertion_only(connection: Connection, tenant_id: UUID, *, assertion_only: bool) -> None:
    """Let the keys of a tenant be client secrets no longer, or again."""
    _have_all_alone(connection, tenant_id)
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id).values(assertion_only=assertion_only))


def revoke_all(connection: Connection, tenant_id: UUID, *, now: datetime) -> None:
    """Revoke every key of a tenant, for good."""
    _have_all_alone(connection, tenant_id)
    revoked = func.coalesce(ApiKeyRow.revoked_at, now)
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id).values(revoked_at=revoked))


def _at_the_latest(moment: datetime) -> Case[datetime]:
    until = literal(moment, UtcDateTime)
    first = ((end < until, end) for end in (ApiKeyRow.grace_ends_at, ApiKeyRow.expires_at))
    return case(*first, else_=until)


def _have_all_alone(connection: Connection, tenant_id: UUID) -> None:
    # In one order, and with the tenant held, so that no key is added meanwhile.
    statement = select(ApiKeyRow.id).where(ApiKeyRow.tenant_id == tenant_id).order_by(ApiKeyRow.id)
    for key_id in connection.execute(statement).scalars().all():
        have_alone(connection, lock_name(key_id))
