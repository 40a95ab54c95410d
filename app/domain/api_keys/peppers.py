"""The peppers of MACs at rest, which come from master keys; how keys move from one to the next, by their use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, exists, func, select, update

from app.domain.api_keys.details import works_at
from app.domain.api_keys.format import PresentedKey
from app.domain.api_keys.tables import ApiKeyRow
from app.foundation import opaque
from app.foundation.database import holds


@dataclass(frozen=True)
class Pepper:
    """The key of MACs at rest; `id` names the master key that it is derived from."""

    id: str
    secret: bytes = field(repr=False)


def renew(connection: Connection, presented: PresentedKey, peppers: Sequence[Pepper]) -> bool:
    """
    Keep the MAC of a key that was authenticated under the current pepper, the first; one statement.

    False when it is kept so already: another use was faster.
    """
    codes = [opaque.mac(pepper.secret, presented.text) for pepper in peppers]
    behind = ApiKeyRow.pepper_id.is_distinct_from(peppers[0].id)
    claim = update(ApiKeyRow).where(ApiKeyRow.id == presented.id, ApiKeyRow.mac.in_(codes), behind)
    return connection.execute(claim.values(mac=codes[0], pepper_id=peppers[0].id)).rowcount == 1


def any_unnamed(connection: Connection) -> bool:
    """Tell whether a key does not say which master key its MAC hangs on: an older release made it."""
    return holds(connection, exists().where(ApiKeyRow.pepper_id.is_(None)))


def name_all(connection: Connection, pepper_id: str) -> None:
    """Say of every such key that it hangs on this one."""
    connection.execute(update(ApiKeyRow).where(ApiKeyRow.pepper_id.is_(None)).values(pepper_id=pepper_id))


def count_living(connection: Connection, *, now: datetime) -> dict[str | None, int]:
    """Count the keys that are alive, by the master key that their MACs hang on."""
    counted = select(ApiKeyRow.pepper_id, func.count()).where(works_at(now)).group_by(ApiKeyRow.pepper_id)
    return {row[0]: row[1] for row in connection.execute(counted)}


def living_under(connection: Connection, pepper_id: str, *, now: datetime) -> Sequence[str]:
    """List the ids of the living keys whose MACs hang on this master key, or on nobody knows which."""
    hangs = (ApiKeyRow.pepper_id == pepper_id) | ApiKeyRow.pepper_id.is_(None)
    return connection.execute(select(ApiKeyRow.id).where(hangs, works_at(now)).order_by(ApiKeyRow.id)).scalars().all()
