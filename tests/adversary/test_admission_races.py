"""Admissions, removals and changes of participants at once: places, sessions and rights come out as if in a line."""

import dataclasses
import threading
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.change_participant import ParticipantChanges, change_participant
from app.flows.change_tenant import change_tenant
from app.flows.look_up_participants import look_up_participants
from app.flows.refusals import (
    InvalidAccessTokenError,
    InvalidRefreshTokenError,
    InvalidScopeError,
    ParticipantBannedError,
    ParticipantRemovedError,
    RoomFullError,
)
from app.flows.remove_participant import remove_participant
from app.flows.results import Changes
from tests.adversary.races import at_once
from tests.builders import a_room, a_tenant
from tests.conftest import environment
from tests.participants import VIEWER, admit, holder, mint, names, refresh

RACERS = 32
# Of each of two kinds; on SQLite, writers stand in line anyway.
ROUNDS = {"sqlite": 5, "postgresql": 10}
# Far more than anyone gets to do before the removal that races them; who reaches it was never refused.
TRIES = 2_000
OVER = (ParticipantBannedError, ParticipantRemovedError, InvalidRefreshTokenError)


@pytest.fixture(scope="module")
def tools(database_url):
    """Tools with the machine's own clock, and a connection for each of the racers."""
    found = wiring_of(create_app(environment(database_url, DATABASE_POOL_SIZE=str(RACERS)))).tools
    yield found
    found.database.close()


def a_key_and_a_room(tools, most=10):
    """Open a tenant whose rooms have so many places, and a room; give who may do everything there, and the room."""
    tenant = a_tenant(tools)
    key = holder(tenant, tools)
    change_tenant(key, tenant.id, Changes(max_participants_per_room=most), tools)
    return key, a_room(tools, tenant)


def attempt(story):
    """Tell what a story gave, or how it was refused."""
    try:
        return story()
    except RoomFullError as refusal:
        return type(refusal)


def until_refused(story, state, given):
    """Do it again and again, each time with what it gave before, and keep what it gave; give the refusal."""
    try:
        for _ in range(TRIES):
            state = story(state)
            given.append(state.pair)
    except OVER as refusal:
        return type(refusal)
    return None


def in_the_room(key, room_id, tools):
    return [each.id for each in look_up_participants(key, room_id, (None, 100), tools, active=True).items]


def sessions_of(admission, tools):
    """Read the sessions of a participant: role, scope, and why they are over."""
    columns = (FamilyRow.role, FamilyRow.scope, FamilyRow.revoke_reason)
    with tools.database.reading() as connection:
        rows = connection.execute(select(*columns).where(FamilyRow.participant_id == admission.participant.id))
        return {tuple(row) for row in rows}


def accepted(pair, tools):
    """Give the caller that an access token is taken for; None when it is refused."""
    try:
        return authenticate_access_token(pair.access_token, tools)
    except InvalidAccessTokenError:
        return None


def renewed(admission, tools, **asked):
    return dataclasses.replace(admission, pair=refresh(admission.pair, tools, **asked))


def test_one_of_many_gets_the_last_place(tools):
    """
    CONTRACT 3: of 32 who are admitted at once to a room with one place left one wins, and 31 are told ROOM_FULL; by
    the key and by a host alike, and each time that a place is given up.
    """
    key, room_id = a_key_and_a_room(tools, most=2)
    host = admit(key, room_id, tools, role="host")
    for _ in range(3):
        callers = [key, holder(host, tools)] * (RACERS // 2)

        answers = at_once([partial(attempt, partial(admit, each, room_id, tools)) for each in callers])

        (winner,) = [answer for answer in answers if answer is not RoomFullError]
        assert in_the_room(key, room_id, tools) == [host.participant.id, winner.participant.id]
        assert accepted(winner.pair, tools).participant_id == winner.participant.id
        remove_participant(key, *names(winner), tools, ban=False)


def test_the_same_person_admitted_many_times_at_once_is_one(tools):
    """
    CONTRACT 3: 16 admissions of one `external_user_id` are one participant in one place, also where there is no other;
    each opens a session that works, also when they come back together after a removal.
    """
    key, room_id = a_key_and_a_room(tools, most=1)
    seen = set()
    for _ in range(3):
        answers = at_once([partial(admit, key, room_id, tools, known_as="42")] * 16)

        seen |= {answer.participant.id for answer in answers}
        assert in_the_room(key, room_id, tools) == list(seen)
        assert len({answer.pair.refresh_token for answer in answers}) == 16
        assert all(accepted(answer.pair, tools) for answer in answers)
        remove_participant(key, *names(answers[0]), tools, ban=False)


def remove_among_others(tools, ban):
    """Remove someone by a host while others open and refresh their sessions, and look at what is left."""
    key, room_id = a_key_and_a_room(tools)
    host = admit(key, room_id, tools, role="host")
    person = admit(key, room_id, tools, known_as="42")
    given: list[Any] = []
    racing: list[Any] = [(lambda _, by=each: mint(by, person, tools), None) for each in (key, holder(host, tools))]
    racing += [(partial(renewed, tools=tools), mint(key, person, tools)) for _ in range(2)]
    # Who is only removed may be admitted again, which is another story.
    racing += [(lambda _: admit(key, room_id, tools, known_as="42"), None)] * 2 * ban
    racers = [partial(until_refused, story, start, given) for story, start in racing]

    answers = at_once([*racers, partial(remove_participant, holder(host, tools), *names(person), tools, ban=ban)])

    refused = [ParticipantRemovedError] * 2 + [InvalidRefreshTokenError] * 2 + [ParticipantBannedError] * 2 * ban
    assert answers == [*refused, None]
    reason = "participant_banned" if ban else "participant_removed"
    assert {why for _, _, why in sessions_of(person, tools)} == {reason}
    assert not any(accepted(pair, tools) for pair in [person.pair, *given])


@pytest.mark.parametrize("ban", [True, False], ids=["banned", "removed"])
def test_a_removal_leaves_no_living_session(backend, tools, ban):
    """
    B10, C13, I3: of sessions that are opened by admission and minting, and refreshed, while their participant is
    removed, none outlives it, and no access token; whoever tries is refused.
    """
    for _ in range(ROUNDS[backend]):
        remove_among_others(tools, ban)


def work_until(over, story, state, given):
    """Do it again and again until something is over, and once more; a right that was lost is an end, too."""
    while True:
        last = over.is_set()
        try:
            state = story(state)
        except InvalidScopeError:
            return
        given.append((last, state.pair))
        if last:
            return


def demote(key, person, way, tools, over):
    """Make a host a viewer, by a change or by admission, and say when it is done."""
    if way == "change":
        change_participant(key, *names(person), ParticipantChanges(role="viewer"), tools)
    else:
        admit(key, names(person)[0], tools, known_as="42", role="viewer")
    over.set()


def demote_among_others(tools, way):
    """Make a host a viewer while its sessions are opened and refreshed, and look at what is left of the host."""
    key, room_id = a_key_and_a_room(tools)
    person, over = admit(key, room_id, tools, known_as="42", role="host"), threading.Event()
    given: list[Any] = []
    part = partial(renewed, tools=tools, scope="participants:write")
    stories = [partial(renewed, tools=tools), part, part, lambda _: mint(key, person, tools)]
    starts = [mint(key, person, tools) for _ in stories]
    racing = zip(stories, starts, strict=True)
    racers = [partial(work_until, over, story, start, given) for story, start in racing]

    at_once([*racers, partial(demote, key, person, way, tools, over)])

    assert sessions_of(person, tools) == {("viewer", VIEWER, None)}
    for late, pair in given:
        caller = accepted(pair, tools)
        assert caller is None or (caller.token.role, caller.scope) == ("viewer", VIEWER)
        assert not late or caller is not None
    assert {pair.scope for late, pair in given if late} == {VIEWER}
    assert not any(accepted(each.pair, tools) for each in (person, *starts))


@pytest.mark.parametrize("way", ["change", "admission"])
def test_a_change_of_the_role_leaves_no_right_of_the_old_one(backend, tools, way):
    """
    B10, A14, C5: of refreshes, for all or for a part of the scope, and of minting, while a host becomes a viewer,
    no session keeps the old role, no token with an old right is taken afterwards, and what was given after it works.
    """
    for _ in range(ROUNDS[backend]):
        demote_among_others(tools, way)
