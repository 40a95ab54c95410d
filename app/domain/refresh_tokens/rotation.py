"""
Rotate refresh tokens, with reuse detection. One statement decides; everything else only explains what it found.

Source: RFC 9700 section 4.14.2; the table in CONTRACT 5.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    Update,
    Uuid,
    bindparam,
    case,
    func,
    select,
    update,
)

from app.domain.refresh_tokens import families
from app.domain.refresh_tokens.families import family_of
from app.domain.refresh_tokens.family import NO_TAG, TAG_LENGTH, Family, Mode, Policy
from app.domain.refresh_tokens.format import PresentedToken
from app.domain.refresh_tokens.outcomes import (
    Duplicate,
    Ended,
    Healed,
    Retried,
    Reused,
    Rotated,
    RotateOutcome,
    Unknown,
    Unreadable,
)
from app.domain.refresh_tokens.tables import FamilyRow
from app.foundation import opaque
from app.foundation.database import Condition, Direct, Prepared, UtcDateTime
from app.foundation.sender import NOBODY, Sender


@dataclass(frozen=True)
class Attempt:
    """
    A refresh token as a request presents it.

    Args:
        token: parsed, signature already verified; never stored, never logged.
        tags: the MACs of the request's Idempotency-Key, sixteen characters each, by the `kid` of what they were made
            under, the current one first; none without a key.
        tenant_id: the client that presents it, where one is authenticated: it can use its own tokens only.
        mode: of that client; a session of the other mode is another client's.
        sender: who sent it, as far as the network tells.
    """

    token: PresentedToken
    tags: Mapping[str, str] = field(default_factory=dict)
    tenant_id: UUID | None = None
    mode: Mode | None = None
    sender: Sender = NOBODY


@dataclass(frozen=True)
class Upon:
    """A premise of a rotation: the statement that asks for it, made by `advancing_upon`, and its parameters."""

    advancing: Prepared
    relied_on: Mapping[str, object]


def advance(
    connection: Connection | Direct, attempt: Attempt, policy: Policy, *, now: datetime, upon: Upon | None = None
) -> Rotated | None:
    """
    Advance a family by one generation, if this token is its living end: one statement.

    However many requests present the same token at once, exactly one of them is Rotated.

    Args:
        connection: of a transaction, or direct.
        attempt: what was presented, by whom.
        policy: lifetimes and signing key of the next generation.
        now: aware, UTC.
        upon: what must hold besides.

    Returns:
        Rotated, or None: then `settle` tells why.
    """
    if upon is None:
        return _move(connection, _ADVANCE, attempt, policy, now=now)
    return _move(connection, upon.advancing, attempt, policy, now=now, relied_on=upon.relied_on)


def advancing_upon(premise: Callable[[], Condition]) -> Prepared:
    """Write the statement of an `Upon` for a premise, which is a condition of another room's."""
    return Prepared(lambda _: _moving(_is_living_end() & premise()))


def settle(connection: Connection, attempt: Attempt, policy: Policy, *, now: datetime) -> RotateOutcome:
    """
    Tell what a token is that did not advance its family, and do what the family needs: heal or revoke it.

    The row is locked first, so that what is found stays true until the transaction ends.
    """
    statement = select(FamilyRow).where(FamilyRow.id == attempt.token.family_id)
    row = connection.execute(statement.with_for_update()).first()
    if row is None or attempt.tenant_id not in {None, row.tenant_id} or attempt.mode not in {None, row.mode}:
        return Unknown()

    family = family_of(row)
    behind = family.generation - attempt.token.generation
    if family.revoked_at is not None or family.absolute_expires_at <= now:
        return Ended()
    if behind < 0:
        return _heal(connection, attempt, family, policy, now)
    if family.idle_expires_at <= now:
        return Ended()
    if behind == 0:
        # It was ahead a moment ago, and another request has just moved the row forward to it.
        return advance(connection, attempt, policy, now=now) or Ended()
    return _spent(connection, family, behind, attempt.tags, policy, now=now)


def _spent(
    connection: Connection, family: Family, behind: int, tags: Mapping[str, str], policy: Policy, *, now: datetime
) -> Retried | Duplicate | Reused | Unreadable:
    lately = [family.retry_tags[start : start + TAG_LENGTH] for start in range(0, 4 * TAG_LENGTH, TAG_LENGTH)]
    in_window = policy.retry_seconds > 0 and (now - family.rotated_at).total_seconds() <= policy.retry_seconds
    same = [any(opaque.same(tag.encode(), known.encode()) for tag in tags.values()) for known in lately]
    if behind == 1 and (same[0] or in_window):
        return Retried(family)
    if behind > 1 and any(same):
        return Duplicate(family)
    if tags and family.refresh_kid not in tags:
        return Unreadable(family.refresh_kid)

    families.revoke(connection, family.id, reason="reuse", now=now)
    return Reused(family, behind)


def _heal(connection: Connection, attempt: Attempt, family: Family, policy: Policy, now: datetime) -> Healed | Ended:
    # The row lost the rotation that renewed its idle time, so the token's own expiry, which we signed, decides.
    if attempt.token.expires_at <= now.timestamp():
        return Ended()

    moved = _move(connection, _HEAL, attempt, policy, now=now)
    return Ended() if moved is None else Healed(moved.family, attempt.token.generation - family.generation)


def _move(
    connection: Connection | Direct,
    move: Prepared,
    attempt: Attempt,
    policy: Policy,
    *,
    now: datetime,
    relied_on: Mapping[str, object] = MappingProxyType({}),
) -> Rotated | None:
    values = {
        **relied_on,
        "family": attempt.token.family_id,
        "presented": attempt.token.generation,
        "presented_kid": attempt.token.kid,
        "now": now,
        "tenant": attempt.tenant_id,
        "only": attempt.mode,
        "kid": policy.refresh_kid,
        "tag": next(iter(attempt.tags.values()), NO_TAG),
        "idle_of_tenant": now + policy.of_tenants.idle,
        "idle_of_participant": now + policy.of_participants.idle,
        "address": attempt.sender.address,
        "agent": attempt.sender.agent,
    }
    row = move.first(connection, values)
    return None if row is None else Rotated(Family(*row))


def _moving(living: ColumnElement[bool]) -> Update:
    now, presented = bindparam("now", type_=UtcDateTime), bindparam("presented", type_=Integer)
    tenant, only = bindparam("tenant", type_=Uuid), bindparam("only", type_=String)
    claim = update(FamilyRow).where(
        FamilyRow.id == bindparam("family", type_=Uuid),
        living,
        FamilyRow.revoked_at.is_(None),
        FamilyRow.absolute_expires_at > now,
        # Whoever authenticates can use its own tokens only.
        tenant.is_(None) | (FamilyRow.tenant_id == tenant),
        only.is_(None) | (FamilyRow.mode == only),
    )
    moved = claim.values(
        generation=presented + 1,
        rotated_at=now,
        refresh_kid=bindparam("kid", type_=String),
        spent_kid=bindparam("presented_kid", type_=String),
        retry_tags=func.substr(bindparam("tag", type_=String) + FamilyRow.retry_tags, 1, 4 * TAG_LENGTH),
        idle_expires_at=case(
            (FamilyRow.participant_id.is_(None), bindparam("idle_of_tenant", type_=UtcDateTime)),
            else_=bindparam("idle_of_participant", type_=UtcDateTime),
        ),
        last_address=bindparam("address", type_=String),
        last_agent=bindparam("agent", type_=String),
    )
    return moved.returning(*(FamilyRow.__table__.c[name] for name in Family.__dataclass_fields__))


def _is_living_end() -> ColumnElement[bool]:
    return (FamilyRow.generation == _PRESENTED) & (FamilyRow.idle_expires_at > bindparam("now", type_=UtcDateTime))


_PRESENTED = bindparam("presented", type_=Integer)
_ADVANCE = Prepared(lambda _: _moving(_is_living_end()))
_HEAL = Prepared(lambda _: _moving(FamilyRow.generation < _PRESENTED))
