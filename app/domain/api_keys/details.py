"""What there is to know of a tenant's keys, and what can be changed about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, Select, case, exists, select, tuple_, update
from sqlalchemy.orm import aliased

from app.domain.api_keys.format import Mode
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation.database import have_alone

# Who uses a key at all uses it so often.
_QUIET = timedelta(hours=1)

Status = Literal["active", "rotating", "expired", "revoked"]


@dataclass(frozen=True)
class KeyDetails:
    """
    A key as its owner sees it, without its secret; `metadata` is JSON, `networks` None for everywhere,
    `requests_per_minute` None for the usual limit.
    """

    id: str
    tenant_id: UUID
    mode: Mode
    scopes: str
    name: str | None
    metadata: str | None
    networks: Sequence[str] | None
    from_browsers: bool
    created_at: datetime
    expires_at: datetime | None
    grace_ends_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None
    replaced_by: str | None
    last_used_at: datetime | None
    last_used_address: str | None
    requests_per_minute: int | None = None

    def status_at(self, now: datetime) -> Status:
        """Tell whether it works, for how long it has been replaced, or why it does not work any more."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if self.grace_ends_at is None:
            return "active"
        return "rotating" if now < self.grace_ends_at else "revoked"

    @property
    def works_until(self) -> datetime | None:
        """Give until when it works, unless somebody ends it before; None without an end."""
        # A grace never lies beyond the key's own end.
        return self.grace_ends_at or self.expires_at

    def unused_for_an_hour_at(self, now: datetime) -> datetime:
        """Give when nobody will have used it for an hour, as far as is known: then a key that was replaced can go."""
        return now if self.last_used_at is None else max(now, self.last_used_at + _QUIET)


@dataclass(frozen=True)
class KeyChanges:
    """
    What shall be different about a key; None leaves it as it is. It can lose scopes and time, and never gain any.

    `from_browsers` lets a browser send it, or forbids that again.
    """

    name: str | None = None
    scopes: str | None = None
    expires_at: datetime | None = None
    networks: Sequence[str] | None = None
    from_everywhere: bool = False
    metadata: str | None = None
    requests_per_minute: int | None = None
    usual_limit: bool = False
    from_browsers: bool | None = None


def find(connection: Connection, tenant_id: UUID, key_id: str, *, only: Mode | None = None) -> KeyDetails | None:
    """Find a key of a tenant, whether it works or not; None when it has none of that id, or `only` of another mode."""
    row = connection.execute(_select(tenant_id, only).where(ApiKeyRow.id == key_id)).first()
    return None if row is None else _details(row)


def get(connection: Connection, tenant_id: UUID, key_id: str) -> KeyDetails:
    """Give a key of a tenant, of which it is known that it is there."""
    return _details(connection.execute(_select(tenant_id, None).where(ApiKeyRow.id == key_id)).one())


def page(
    connection: Connection, tenant_id: UUID, after: str | None, limit: int, *, only: Mode | None = None
) -> Sequence[KeyDetails]:
    """List at most `limit` keys of a tenant, or of one mode only, the oldest first, beginning after one."""
    place = tuple_(ApiKeyRow.created_at, ApiKeyRow.id)
    statement = _select(tenant_id, only).order_by(ApiKeyRow.created_at, ApiKeyRow.id).limit(limit)
    if after is not None:
        of_last = aliased(ApiKeyRow)
        statement = statement.where(
            place > select(of_last.created_at, of_last.id).where(of_last.id == after).scalar_subquery()
        )
    return [_details(row) for row in connection.execute(statement)]


def change(connection: Connection, before: KeyDetails, changes: KeyChanges) -> None:
    """Change a key, which its tenant's story holds; what is taken from it, who is just using it keeps no longer."""
    have_alone(connection, lock_name(before.id))
    values: dict[str, Any] = {
        "name": changes.name,
        "scopes": changes.scopes,
        "expires_at": changes.expires_at,
        "networks": None if changes.networks is None else " ".join(changes.networks),
        "notes": changes.metadata,
        "requests_per_minute": changes.requests_per_minute,
        "from_browsers": changes.from_browsers,
    }
    values = {name: value for name, value in values.items() if value is not None}
    if changes.from_everywhere:
        values["networks"] = None
    if changes.usual_limit:
        values["requests_per_minute"] = None
    if values:
        connection.execute(update(ApiKeyRow).where(ApiKeyRow.id == before.id).values(values))


def lock_name(key_id: str) -> str:
    """Name the lock of a key, which who uses it leans on; for this room only."""
    return f"api_keys/{key_id}"


def works_at(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Say in SQL that a key works: it was not revoked, has not expired, and its grace is not over."""
    return (
        ApiKeyRow.revoked_at.is_(None)
        & (ApiKeyRow.expires_at.is_(None) | (ApiKeyRow.expires_at > now))
        & (ApiKeyRow.grace_ends_at.is_(None) | (ApiKeyRow.grace_ends_at > now))
    )


def replaced() -> ColumnElement[bool]:
    """Say in SQL that a key has its successor."""
    successor = aliased(ApiKeyRow)
    return exists(select(successor.id).where(successor.replaces == ApiKeyRow.id))


def own_end() -> ColumnElement[datetime | None]:
    """
    Say in SQL when a key, and whatever it opens, is over by itself.

    That is its own end; or that of its grace, if it has one and nothing has replaced it: then it leaked. The second is
    asked of keys in their grace alone.
    """
    leaked = ApiKeyRow.grace_ends_at.is_not(None) & ~replaced()
    return case((leaked, ApiKeyRow.grace_ends_at), else_=ApiKeyRow.expires_at)


def _select(tenant_id: UUID, only: Mode | None) -> Select[Any]:
    successor = aliased(ApiKeyRow)
    replaced_by = select(successor.id).where(successor.replaces == ApiKeyRow.id).scalar_subquery()
    statement = select(ApiKeyRow.__table__, replaced_by.label("replaced_by")).where(ApiKeyRow.tenant_id == tenant_id)
    return statement if only is None else statement.where(ApiKeyRow.mode == only)


def _details(row: Row[Any]) -> KeyDetails:
    return KeyDetails(
        id=row.id,
        tenant_id=row.tenant_id,
        mode=row.mode,
        scopes=row.scopes,
        name=row.name,
        metadata=row.metadata,
        networks=None if row.networks is None else row.networks.split(" "),
        from_browsers=row.from_browsers,
        created_at=row.created_at,
        expires_at=row.expires_at,
        grace_ends_at=row.grace_ends_at,
        revoked_at=row.revoked_at,
        replaces=row.replaces,
        replaced_by=row.replaced_by,
        last_used_at=row.last_used_at,
        last_used_address=row.last_used_address,
        requests_per_minute=row.requests_per_minute,
    )
