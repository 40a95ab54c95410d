"""The peppers of MACs at rest, which come from master keys; how keys move from one to the next, by their use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from app.domain.api_keys.format import PresentedKey
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation import opaque


@dataclass(frozen=True)
class Pepper:
    """The key of MACs at rest; `id` names the master key that it is derived from."""

    id: str
    secret: bytes = field(repr=False)


def renew(connection: Connection, presented: PresentedKey, peppers: Sequence[Pepper]) -> None:
    """Keep the MAC of a key that was authenticated under the current pepper, the first; one statement."""
    codes = [opaque.mac(pepper.secret, presented.text) for pepper in peppers]
    claim = update(ApiKeyRow).where(ApiKeyRow.id == presented.id, ApiKeyRow.mac.in_(codes))
    connection.execute(claim.values(mac=codes[0], pepper_id=peppers[0].id))


def count_living(connection: Connection, *, now: datetime) -> dict[str | None, int]:
    """Count the keys that are alive, by the master key that their MACs hang on."""
    alive = ApiKeyRow.revoked_at.is_(None) & (ApiKeyRow.grace_ends_at.is_(None) | (ApiKeyRow.grace_ends_at > now))
    counted = select(ApiKeyRow.pepper_id, func.count()).where(alive).group_by(ApiKeyRow.pepper_id)
    return {row[0]: row[1] for row in connection.execute(counted)}


def revoke_all_under(connection: Connection, pepper_id: str, *, now: datetime) -> Sequence[str]:
    """Revoke every key whose MAC hangs on this master key, for good, and give their ids."""
    claim = update(ApiKeyRow).where(
        (ApiKeyRow.pepper_id == pepper_id) | ApiKeyRow.pepper_id.is_(None), ApiKeyRow.revoked_at.is_(None)
    )
    return connection.execute(claim.values(revoked_at=now).returning(ApiKeyRow.id)).scalars().all()
