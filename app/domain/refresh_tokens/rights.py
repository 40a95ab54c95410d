"""
What sessions may do and how long they live, when that changes with a participant's role or with an API key; and
whether an access token says what is so still.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, String, Uuid, bindparam, or_, select, update

from app.domain.refresh_tokens.families import has_scope
from app.domain.refresh_tokens.family import Member
from app.domain.refresh_tokens.tables import FamilyRow
from app.foundation.database import Condition, UtcDateTime, Value


def held(*premises: Condition) -> Value:
    """
    Select what the session of an access token may do, if it lives, its role is the one that the token says, and its
    rights have not changed since; NULL otherwise, and unless what other rooms say of the token holds.

    Its end may have come nearer since the token was minted. The parameters are those of `claimed`, and the premises'.
    """
    changed_at = FamilyRow.rights_changed_at
    scope = select(FamilyRow.scope).where(
        FamilyRow.id == bindparam("session", type_=Uuid),
        FamilyRow.revoked_at.is_(None),
        FamilyRow.absolute_expires_at > bindparam("now", type_=UtcDateTime),
        FamilyRow.role.is_not_distinct_from(bindparam("role", type_=String)),
        changed_at.is_(None) | (changed_at < bindparam("issued_before", type_=UtcDateTime)),
        *premises,
    )
    return scope.scalar_subquery()


def claimed(session_id: UUID | None, role: str | None, issued_at: datetime, *, now: datetime) -> Mapping[str, object]:
    """
    Give the parameters of `held`.

    Args:
        session_id: what the token is of; None is no session.
        role: what it says of it; None for a tenant's.
        issued_at: its `iat`, in whole seconds. One of the same second in which the rights changed is not told from
            those after by it, but by role and scope.
        now: aware, UTC.
    """
    return {"session": session_id, "role": role, "issued_before": issued_at + timedelta(seconds=1), "now": now}


def upholds(held_scope: str | None, role: str | None, scope: str) -> bool:
    """
    Tell whether an access token with this scope still holds, by what `held` gave.

    All that a participant's may do must be so still; a tenant's keeps for its short life what it was minted with.
    """
    return held_scope is not None and (role is None or set(scope.split(" ")) <= set(held_scope.split(" ")))


def regrade(
    connection: Connection,
    member: Member,
    scope_of: Callable[[str, str | None], str | None],
    *,
    reason: str,
    now: datetime,
) -> None:
    """
    Give the living sessions of a participant another role and its scope; access tokens from before hold no longer.

    Args:
        connection: of a transaction in which nobody else changes this participant.
        member: the participant as it is now.
        scope_of: gives the scope of a session for the one that it had and the one that was asked for; None ends it.
        reason: why, for those that end.
        now: aware, UTC.
    """
    living = (FamilyRow.participant_id == member.id) & FamilyRow.revoked_at.is_(None)
    kinds = select(FamilyRow.scope, FamilyRow.asked_scope).where(living).distinct()
    for scope, asked in connection.execute(kinds).all():
        same_asked = FamilyRow.asked_scope.is_not_distinct_from(asked)
        of_scope = update(FamilyRow).where(living, FamilyRow.scope == scope, same_asked)
        rights = scope_of(scope, asked)
        if rights is None:
            connection.execute(of_scope.values(revoked_at=now, revoke_reason=reason))
        else:
            shown = {"role": member.role, "display_name": member.display_name}
            connection.execute(of_scope.values(scope=rights, rights_changed_at=now, **shown))


def shorten_all_of_key(connection: Connection, key_id: str, ends_at: datetime) -> None:
    """Let no session that a key opened live past a moment."""
    longer = update(FamilyRow).where(FamilyRow.key_id == key_id, FamilyRow.absolute_expires_at > ends_at)
    connection.execute(longer.values(absolute_expires_at=ends_at))


def end_all_of_key_beyond(
    connection: Connection, key_id: str, scopes: Sequence[str], *, reason: str, now: datetime
) -> None:
    """End every session that a key opened and that has one of these scopes."""
    beyond = or_(*(has_scope(scope) for scope in scopes))
    which = (FamilyRow.key_id == key_id) & FamilyRow.revoked_at.is_(None) & beyond
    connection.execute(update(FamilyRow).where(which).values(revoked_at=now, revoke_reason=reason))


def rename(connection: Connection, member: Member) -> None:
    """Give the sessions of a participant another name; it stands in the next access token of each."""
    of_member = update(FamilyRow).where(FamilyRow.participant_id == member.id, FamilyRow.revoked_at.is_(None))
    connection.execute(of_member.values(display_name=member.display_name))
