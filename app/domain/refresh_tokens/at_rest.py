"""What can be seen of sessions at rest: whether each row could have come about, and what those that live hang on."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select

from app.domain.refresh_tokens.family import FIRST_GENERATION, NO_KEY, NO_TAG, TAG_LENGTH
from app.domain.refresh_tokens.format import SESSION_PREFIX, session_name
from app.domain.refresh_tokens.tables import FamilyRow
from app.foundation.findings import Finding
from app.foundation.identifiers import parse_id

_TAGS_LENGTH = 4 * TAG_LENGTH
# As many as both databases take in one statement.
_AT_ONCE = 500


@dataclass(frozen=True)
class Authority:
    """What living sessions hang on, and how many of them there are."""

    tenant_id: UUID
    key_id: str | None
    room_id: UUID | None
    participant_id: UUID | None
    sessions: int


def authorities(connection: Connection, *, now: datetime) -> Sequence[Authority]:
    """List everything that a living session hangs on, each once."""
    which = (FamilyRow.tenant_id, FamilyRow.key_id, FamilyRow.room_id, FamilyRow.participant_id)
    living = FamilyRow.revoked_at.is_(None) & (FamilyRow.absolute_expires_at > now)
    found = connection.execute(select(*which, func.count()).where(living).group_by(*which))
    return [Authority(*row) for row in found]


def irregular(connection: Connection, refresh_kids: Collection[str]) -> Iterator[Finding]:
    """
    Find rows that no sequence of rotations and revocations leaves behind.

    Args:
        refresh_kids: the keys of refresh tokens that this host has.
    """
    has_token = FamilyRow.refresh_kid != NO_KEY
    no_tags = NO_TAG * 4
    odd = {
        "a generation before the first": FamilyRow.generation < FIRST_GENERATION,
        "rotated without a refresh token": ~has_token & (FamilyRow.generation > FIRST_GENERATION),
        "retry tags of another length": func.length(FamilyRow.retry_tags) != _TAGS_LENGTH,
        "retry tags before the first rotation": (FamilyRow.generation == FIRST_GENERATION)
        & (FamilyRow.retry_tags != no_tags),
        "revoked without a reason, or a reason without revocation": FamilyRow.revoked_at.is_(None)
        != FamilyRow.revoke_reason.is_(None),
        "a participant without a room": FamilyRow.participant_id.is_not(None) & FamilyRow.room_id.is_(None),
        "opened neither by a key nor by an assertion": FamilyRow.key_id.is_(None) & FamilyRow.client_kid.is_(None),
    }
    for what, condition in odd.items():
        for family_id in connection.execute(select(FamilyRow.id).where(condition)).scalars():
            yield Finding("session.irregular", session_name(family_id), what)

    living = FamilyRow.revoked_at.is_(None) & has_token
    strange = select(FamilyRow.refresh_kid, func.count()).where(living, FamilyRow.refresh_kid.not_in(refresh_kids))
    for kid, count in connection.execute(strange.group_by(FamilyRow.refresh_kid)):
        yield Finding("session.unknown_refresh_key", kid, f"{count} living sessions hang on a key that this host lacks")


def living_among(connection: Connection, names: Sequence[str], *, now: datetime) -> Iterator[str]:
    """Give those of these sessions, by their names on the wire, that live."""
    ids = [found for name in names if (found := parse_id(SESSION_PREFIX, name)) is not None]
    for start in range(0, len(ids), _AT_ONCE):
        some = FamilyRow.id.in_(ids[start : start + _AT_ONCE])
        living = select(FamilyRow.id).where(some, FamilyRow.revoked_at.is_(None), FamilyRow.absolute_expires_at > now)
        yield from (session_name(family_id) for family_id in connection.execute(living).scalars())
