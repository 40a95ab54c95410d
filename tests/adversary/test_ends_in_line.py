"""A host's request that stands in line behind its own end: whoever gets the room first, the host is out or demoted."""

import threading
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.rooms import participants
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.change_participant import ParticipantChanges, change_participant
from app.flows.end_session import end_session
from app.flows.refusals import (
    InvalidAccessTokenError,
    InvalidRefreshTokenError,
    ParticipantBannedError,
    ParticipantRemovedError,
    ServiceError,
)
from app.flows.remove_participant import remove_participant
from app.foundation.identifiers import parse_id
from tests.adversary.load import PATIENCE_SECONDS
from tests.builders import a_room, a_tenant
from tests.conftest import environment
from tests.forgery import claims_of
from tests.participants import admit, holder, mint, names, refresh

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture(scope="module")
def tools(database_url):
    """Tools with the machine's own clock, and a connection for everybody in the line."""
    found = wiring_of(create_app(environment(database_url, DATABASE_POOL_SIZE="8"))).tools
    yield found
    found.database.close()


def in_line(tools, room_id, *actions, meanwhile=None):
    """
    Do these one after the other, each standing in line for the room before the next one comes; give what each gave.

    On SQLite nobody is seen waiting for a room, but all writers stand in one line; what is done meanwhile, comes first.
    """
    given: dict[int, Any] = {}
    threads: list[threading.Thread] = []
    room = parse_id("room", room_id)
    assert room is not None

    def run(number, action):
        try:
            given[number] = action()
        except ServiceError as refusal:
            given[number] = type(refusal)

    with tools.database.transaction() as connection:
        queues = connection.dialect.name == "postgresql"
    if meanwhile is not None and not queues:
        meanwhile()
    with tools.database.transaction() as connection:
        participants.line_up(connection, room)
        for number, action in enumerate(actions):
            threads.append(threading.Thread(target=run, args=(number, action)))
            threads[-1].start()
            while queues and waiting(connection) <= number:
                assert threads[-1].is_alive(), given
        if meanwhile is not None and queues:
            meanwhile()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return [given[number] for number in range(len(actions))]


def waiting(connection):
    return connection.execute(text(WAITING)).scalar_one()


@pytest.fixture
def scene(tools):
    """A tenant's key, and the host of a room of it, known to the tenant."""
    tenant = a_tenant(tools)
    key = holder(tenant, tools)
    return key, admit(key, a_room(tools, tenant), tools, known_as="42", role="host")


def is_out(host, tools):
    """Tell that neither the old tokens nor the entry of a host are good for anything."""
    with pytest.raises(InvalidRefreshTokenError):
        refresh(host.pair, tools)
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(host.pair.access_token, tools)
    return True


def test_who_is_removed_does_not_come_back_by_a_request_in_the_air(tools, scene):
    """
    B10, I3: a host that is removed while its request to admit itself again, or to mint for itself, stands in line, is
    told that its token is dead, and has nothing.
    """
    key, host = scene
    room_id, own = names(host)
    caller = holder(host, tools)

    removed, *answers = in_line(
        tools, room_id,
        partial(remove_participant, key, room_id, own, tools, ban=False),
        partial(admit, caller, room_id, tools, known_as="42", role="host"),
        partial(mint, caller, host, tools),
    )  # fmt: skip

    assert removed is None
    for answer in answers:
        # On SQLite its request may be first: then what it got ended with the removal.
        assert answer in {InvalidAccessTokenError, ParticipantRemovedError} or is_out(answer, tools)
    assert is_out(host, tools)


def test_who_is_banned_does_not_take_it_back(tools, scene):
    """
    B10: a host that is banned while its request to lift the ban of itself stands in line, stays banned.
    """
    key, host = scene
    room_id, own = names(host)

    in_line(
        tools, room_id,
        partial(remove_participant, key, room_id, own, tools, ban=True),
        partial(change_participant, holder(host, tools), room_id, own, ParticipantChanges(unban=True), tools),
    )  # fmt: skip

    assert is_out(host, tools)
    with pytest.raises(ParticipantBannedError):
        admit(key, room_id, tools, known_as="42")


def test_who_is_demoted_does_not_promote_itself(tools, scene):
    """
    CONTRACT 3: a host that becomes a viewer while its request to become one again stands in line, is a viewer.
    """
    key, host = scene
    room_id, own = names(host)

    in_line(
        tools, room_id,
        partial(change_participant, key, room_id, own, ParticipantChanges(role="viewer"), tools),
        partial(change_participant, holder(host, tools), room_id, own, ParticipantChanges(role="host"), tools),
    )  # fmt: skip

    assert refresh(host.pair, tools).scope == "rooms:read"


def test_who_has_logged_out_admits_nobody_afterwards(tools, scene):
    """
    C13: after the end of a session was acknowledged, an admission by its token that stood in line is not let through.
    """
    key, host = scene
    room_id, _ = names(host)
    session_id = claims_of(host.pair.access_token)["sid"]

    answers = in_line(tools, room_id, partial(admit, holder(host, tools), room_id, tools), meanwhile=partial(
        end_session, key, session_id, tools
    ))  # fmt: skip

    assert answers == [InvalidAccessTokenError]
