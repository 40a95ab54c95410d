"""What the sessions of a participant may do, when that changes."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select, update

from app.domain.refresh_tokens.family import Member
from app.domain.refresh_tokens.tables import FamilyRow


def regrade(
    connection: Connection, member: Member, scope_of: Callable[[str], str | None], *, reason: str, now: datetime
) -> None:
    """
    Give the living sessions of a participant another role and its scope; access tokens from before hold no longer.

    Args:
        connection: of a transaction in which nobody else changes this participant.
        member: the participant as it is now.
        scope_of: gives the scope of a session for the one that it had; None ends it.
        reason: why, for those that end.
        now: aware, UTC.
    """
    living = (FamilyRow.participant_id == member.id) & FamilyRow.revoked_at.is_(None)
    for scope in connection.execute(select(FamilyRow.scope).where(living).distinct()).scalars().all():
        of_scope = update(FamilyRow).where(living, FamilyRow.scope == scope)
        rights = scope_of(scope)
        if rights is None:
            connection.execute(of_scope.values(revoked_at=now, revoke_reason=reason))
        else:
            shown = {"role": member.role, "display_name": member.display_name}
            connection.execute(of_scope.values(scope=rights, rights_changed_at=now, **shown))


def rename(connection: Connection, member: Member) -> None:
    """Give the sessions of a participant another name; it stands in the next access token of each."""
    of_member = update(FamilyRow).where(FamilyRow.participant_id == member.id, FamilyRow.revoked_at.is_(None))
    connection.execute(of_member.values(display_name=member.display_name))
