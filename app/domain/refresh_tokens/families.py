"""Start, revoke and end families; how they rotate stands in `rotation.py`."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Insert,
    Row,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from app.domain.refresh_tokens.family import NO_KEY, Family, Mode, NewFamily, Policy, begin
from app.domain.refresh_tokens.tables import FamilyRow
from app.foundation.database import Direct, Premise, Prepared

# What is over by this host's clock may live by another's for so long, with some to spare.
_CLOCKS_DIFFER = timedelta(minutes=2)


def start(connection: Connection, new: NewFamily, policy: Policy, *, now: datetime) -> Family:
    """Start a family in its first generation."""
    family = begin(new, policy, now)
    _START.first(connection, _row(family, new, now))
    return family


def starting_upon(premise: Premise) -> Prepared:
    """Write the statement of `start_upon` for a premise, which is a condition of another room's."""

    def write(dialect: str) -> Insert:
        values = _parameters(but=_NOT_OF_A_KEY)
        started = insert(FamilyRow).from_select(list(values), premise(dialect, list(values.values())))
        return started.returning(FamilyRow.id)

    return Prepared(write)


def start_upon(
    connection: Direct,
    starting: Prepared,
    relied_on: Mapping[str, object],
    new: NewFamily,
    policy: Policy,
    *,
    now: datetime,
) -> tuple[Family, Callable[[], bool]]:
    """
    Begin to start a family of a tenant, by its key, if a premise holds: one statement.

    Args:
        connection: direct.
        starting: made by `starting_upon`.
        relied_on: the parameters of the premise.
        new: what the session is opened for.
        policy: how long it lives, and what signs its refresh tokens.
        now: aware, UTC.

    Returns:
        The family as it will be, and what has to be called to learn whether it is.
    """
    family = begin(new, policy, now)
    row = starting.begin(connection, {**relied_on, **_row(family, new, now)})
    return family, lambda: row() is not None


def _row(family: Family, new: NewFamily, now: datetime) -> dict[str, object]:
    values = {f"new_{name}": value for name, value in vars(family).items()}
    sender = {"new_last_address": new.sender.address, "new_last_agent": new.sender.agent}
    return {**values, **sender, "new_created_at": now, "new_spent_kid": NO_KEY, "new_revoke_reason": None}


# What a session has not that a key opens for its tenant.
_NOT_OF_A_KEY = (
    *("client_kid", "room_id", "participant_id", "role", "display_name", "rights_changed_at", "asked_scope"),
    *("revoked_at", "revoke_reason"),
)


def _parameters(but: Collection[str] = ()) -> dict[str, BindParameter[Any]]:
    columns = [column for column in FamilyRow.__table__.columns if column.name not in but]
    return {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in columns}


_FIND = Prepared(
    lambda _: select(*(FamilyRow.__table__.c[name] for name in Family.__dataclass_fields__)).where(
        FamilyRow.id == bindparam("family", type_=Uuid)
    )
)
_START = Prepared(lambda _: insert(FamilyRow).values(_parameters()).returning(FamilyRow.id))


def find(connection: Connection | Direct, family_id: UUID) -> Family | None:
    """Find a family, living or not; None when there is none."""
    row = _FIND.first(connection, {"family": family_id})
    return None if row is None else Family(*row)


def hold(connection: Connection, family_id: UUID) -> Family | None:
    """Find a family, and keep it from being rotated and revoked until the transaction is over."""
    row = connection.execute(select(FamilyRow).where(FamilyRow.id == family_id).with_for_update(read=True)).first()
    return None if row is None else family_of(row)


def revoke(
    connection: Connection,
    family_id: UUID,
    *,
    reason: str,
    now: datetime,
    tenant_id: UUID | None = None,
    only: Mode | None = None,
) -> UUID | None:
    """
    Revoke a family, of this tenant if one is given: one statement, however often it rotated. Gives whose it was.

    None when it was revoked before, is another tenant's or `only` of another mode, or never was.
    """
    which = FamilyRow.id == family_id
    if tenant_id is not None:
        which &= FamilyRow.tenant_id == tenant_id
    if only is not None:
        which &= FamilyRow.mode == only
    claim = update(FamilyRow).where(which, FamilyRow.revoked_at.is_(None))
    claim = claim.values(revoked_at=now, revoke_reason=reason)
    return connection.execute(claim.returning(FamilyRow.tenant_id)).scalar_one_or_none()


def end_all_of_key(connection: Connection, key_id: str, *, reason: str, now: datetime) -> int:
    """End every session that a key opened; gives how many."""
    return _end(connection, FamilyRow.key_id == key_id, reason, now)


def end_all_of_client_keys(
    connection: Connection, tenant_id: UUID, kids: Collection[str] | None, *, reason: str, now: datetime
) -> int:
    """End every session that assertions by these keys of a tenant's client opened; by any key, without `kids`."""
    which = FamilyRow.client_kid.is_not(None) if kids is None else FamilyRow.client_kid.in_(kids)
    return _end(connection, (FamilyRow.tenant_id == tenant_id) & which, reason, now)


def end_all_of_tenant(
    connection: Connection, tenant_id: UUID, *, reason: str, now: datetime, opened_before: datetime | None = None
) -> int:
    """End every session of a tenant, or those that were opened before a moment; gives how many."""
    which = FamilyRow.tenant_id == tenant_id
    if opened_before is not None:
        which &= FamilyRow.created_at < opened_before
    return _end(connection, which, reason, now)


def end_all_of_participant(connection: Connection, participant_id: UUID, *, reason: str, now: datetime) -> int:
    """End every session of a participant; gives how many."""
    return _end(connection, FamilyRow.participant_id == participant_id, reason, now)


def end_all_of_room(connection: Connection, room_id: UUID, *, reason: str, now: datetime) -> int:
    """End every session that is bound to a room; gives how many."""
    return _end(connection, FamilyRow.room_id == room_id, reason, now)


def count_living(connection: Connection, *, now: datetime) -> dict[tuple[str, str | None], int]:
    """
    Count the sessions that are alive and have a refresh token, by the key that signs it and the one that signed the
    token before it, which is empty when there was none, and None when that is not known.
    """
    alive = FamilyRow.revoked_at.is_(None) & (FamilyRow.idle_expires_at > now) & (FamilyRow.absolute_expires_at > now)
    kids = (FamilyRow.refresh_kid, FamilyRow.spent_kid)
    counted = select(*kids, func.count()).where(alive, FamilyRow.refresh_kid != NO_KEY).group_by(*kids)
    return {(row[0], row[1]): row[2] for row in connection.execute(counted)}


def end_all_signed_by(connection: Connection, refresh_kid: str, *, reason: str, now: datetime) -> int:
    """End every session whose refresh token this key signs; gives how many."""
    return _end(connection, FamilyRow.refresh_kid == refresh_kid, reason, now)


def forget(connection: Connection, *, over_before: datetime, most: int) -> int:
    """
    Delete sessions that were over before a moment: revoked, or past their absolute end; gives how many.

    At most `most` of each kind, and none that another worker is deleting: nobody waits.
    """
    gone = 0
    for ended in (FamilyRow.revoked_at, FamilyRow.absolute_expires_at):
        some = select(FamilyRow.id).where(ended < over_before).order_by(ended).limit(most)
        which = FamilyRow.id.in_(some.with_for_update(skip_locked=True))
        gone += connection.execute(delete(FamilyRow).where(which)).rowcount
    return gone


def has_scope(scope: str) -> ColumnElement[bool]:
    """Say that a session may do this; for this room only."""
    return (literal(" ") + FamilyRow.scope + literal(" ")).contains(f" {scope} ", autoescape=True)


def _end(connection: Connection, which: ColumnElement[bool], reason: str, now: datetime) -> int:
    # What is past its absolute end stays as it is: of short sessions there may be thousands for each one that lives,
    # and to write them all would take longer than a statement may. What only idled may come back, and is ended.
    alive = FamilyRow.revoked_at.is_(None) & (FamilyRow.absolute_expires_at > now - _CLOCKS_DIFFER)
    claim = update(FamilyRow).where(which, alive)
    return connection.execute(claim.values(revoked_at=now, revoke_reason=reason)).rowcount


def family_of(row: Row[Any]) -> Family:
    """Read a row; for this room only."""
    return Family(**{name: getattr(row, name) for name in Family.__dataclass_fields__})
