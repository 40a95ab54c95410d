"""Who is removed has nothing left; everybody may leave, and only who may write participants sends others away."""

import pytest
from sqlalchemy import select

from app.domain.refresh_tokens.tables import FamilyRow
from app.flows.end_room import end_room
from app.flows.look_up_participants import look_up_participant
from app.flows.refusals import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidAccessTokenError,
    InvalidRefreshTokenError,
    NotFoundError,
    ParticipantRemovedError,
)
from app.flows.remove_participant import remove_participant
from tests.builders import Tenant, a_pair, a_room, an_operator
from tests.participants import admit, holder, mint, names, refresh

IDEMPOTENCY_KEY = "a-request-of-the-client"


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


def ended_by(admission, tools):
    """Tell for what reasons the sessions of a participant are over, the oldest first; None stands for a living one."""
    reasons = select(FamilyRow.revoke_reason).where(FamilyRow.participant_id == admission.participant.id)
    with tools.database.reading() as connection:
        return list(connection.execute(reasons.order_by(FamilyRow.id)).scalars())


@pytest.mark.parametrize("role", ["host", "participant", "viewer"])
def test_everybody_may_leave(tools, tenant, room_id, role):
    """
    CONTRACT 3: by its own token a participant of any role, and of any scope, removes itself; that is no removal of
    anybody else, and its token does nothing afterwards.
    """
    key = holder(tenant, tools)
    leaver, other = (admit(key, room_id, tools, role=role, scope="rooms:read") for _ in range(2))
    second = mint(key, leaver, tools)
    own = holder(leaver, tools)

    remove_participant(own, *names(leaver), tools, ban=False)

    assert ended_by(leaver, tools) == ["participant_removed"] * 2
    assert look_up_participant(key, *names(leaver), tools).removed_at == tools.clock.now()
    with pytest.raises(InvalidAccessTokenError):
        remove_participant(own, *names(leaver), tools, ban=False)
    with pytest.raises(InvalidAccessTokenError):
        holder(second, tools)
    assert holder(other, tools).participant_id == other.participant.id


def test_who_may_not_write_participants_only_leaves(tools, tenant, room_id):
    """
    CONTRACT 3: without `participants:write` nobody is sent away, nobody is banned, oneself included, and no other room
    is left.
    """
    key = holder(tenant, tools)
    guest, other = (admit(key, room_id, tools, role="participant") for _ in range(2))
    own, operator = holder(guest, tools), holder(Tenant("", an_operator(tools)), tools)

    for target, ban in ((other, False), (other, True), (guest, True)):
        with pytest.raises(InsufficientScopeError):
            remove_participant(own, *names(target), tools, ban=ban)
    with pytest.raises(NotFoundError):
        remove_participant(own, a_room(tools, tenant), names(guest)[1], tools, ban=False)
    with pytest.raises(ForbiddenError):
        remove_participant(operator, *names(guest), tools, ban=False)

    assert ended_by(guest, tools) == ended_by(other, tools) == [None]


def test_a_host_sends_away_hosts_and_bans_itself(tools, tenant, room_id):
    """
    CONTRACT 3: hosts are equals: one removes another, whose token then does nothing, and may ban even itself.
    """
    key = holder(tenant, tools)
    one, two = (admit(key, room_id, tools, role="host") for _ in range(2))
    first, second = holder(one, tools), holder(two, tools)

    remove_participant(first, *names(two), tools, ban=False)
    with pytest.raises(InvalidAccessTokenError):
        remove_participant(second, *names(one), tools, ban=False)
    remove_participant(first, *names(one), tools, ban=True)

    assert (ended_by(one, tools), ended_by(two, tools)) == (["participant_banned"], ["participant_removed"])


def test_removal_ends_what_is_the_participants_and_nothing_else(tools, tenant, room_id):
    """
    B10: every session of this participant, however it was opened; not the tenant's for the room, not those of the same
    person in another room.
    """
    key = holder(tenant, tools)
    host, elsewhere = admit(key, room_id, tools, role="host"), a_room(tools, tenant)
    person = admit(key, room_id, tools, known_as="42")
    sessions = [person, admit(key, room_id, tools, known_as="42"), mint(holder(host, tools), person, tools)]
    others = [host, admit(key, elsewhere, tools, known_as="42")]
    of_tenant = a_pair(tools, tenant, room_id)

    remove_participant(key, *names(person), tools, ban=False)

    for each in sessions:
        with pytest.raises(InvalidAccessTokenError):
            holder(each, tools)
        with pytest.raises(InvalidRefreshTokenError):
            refresh(each.pair, tools)
    for pair in (of_tenant, *(each.pair for each in others)):
        refresh(pair, tools)
    with pytest.raises(ParticipantRemovedError):
        mint(key, person, tools)


def test_removal_beats_a_retry(tools, tenant, room_id):
    """
    C10: the answer of a refresh that was lost is not given again to who was removed since, nor after they came back.
    """
    key = holder(tenant, tools)
    person = admit(key, room_id, tools, known_as="42")
    first, again = (refresh(person.pair, tools, IDEMPOTENCY_KEY) for _ in range(2))
    assert first.refresh_token == again.refresh_token

    remove_participant(key, *names(person), tools, ban=False)
    with pytest.raises(InvalidRefreshTokenError):
        refresh(person.pair, tools, IDEMPOTENCY_KEY)
    admit(key, room_id, tools, known_as="42")
    with pytest.raises(InvalidRefreshTokenError):
        refresh(person.pair, tools, IDEMPOTENCY_KEY)

    assert ended_by(person, tools) == ["participant_removed", None]


def test_people_can_be_removed_and_banned_after_the_end(tools, tenant, room_id, clock):
    """
    CONTRACT 3: an ended room forgets nobody; who left is banned later, and `removed_at` stays what it was.
    """
    key = holder(tenant, tools)
    person, left_at = admit(key, room_id, tools, known_as="42"), clock.now()
    remove_participant(key, *names(person), tools, ban=False)
    end_room(key, room_id, tools)
    clock.step(days=1)

    remove_participant(key, *names(person), tools, ban=True)

    found = look_up_participant(key, *names(person), tools)
    assert (found.removed_at, found.banned_at) == (left_at, clock.now())
