"""A room by an access token: one statement tells of both, and nothing is answered that two would not have."""

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.change_participant import ParticipantChanges, change_participant
from app.flows.delete_room import delete_room
from app.flows.end_room import end_room
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.look_up import look_up_room, look_up_room_by_token
from app.flows.refusals import (
    AccessTokenExpiredError,
    InsufficientScopeError,
    InvalidAccessTokenError,
    NotFoundError,
    ServiceError,
)
from app.flows.revoke_token import revoke_token
from app.flows.steps import Credential
from app.foundation.identifiers import new_id, print_id
from tests.builders import a_pair, a_room, a_tenant
from tests.named_keys import a_named_key
from tests.participants import admit, holder, names


@pytest.fixture
def rooms(tools, tenant, test_key):
    """Rooms of all kinds, by what they are, as a path may name them."""
    made = {name: a_room(tools, tenant) for name in ("open", "own", "ended", "deleted")}
    caller = holder(tenant, tools)
    end_room(caller, made["ended"], tools)
    delete_room(caller, made["deleted"], tools)
    others = {"test": a_room(tools, test_key), "foreign": a_room(tools, a_tenant(tools, "Foreign"))}
    return made | others | {"missing": print_id("room", new_id()), "no room": tenant.id, "nothing": "x"}


@pytest.fixture
def test_key(tools, tenant):
    """A test key of the tenant."""
    return a_named_key(tools, tenant, mode="test")


@pytest.fixture
def tokens(tools, tenant, test_key, rooms, clock):
    """Access tokens of all kinds, by what they are."""
    clock.step(seconds=-3600)
    expired = a_pair(tools, tenant).access_token
    clock.step(seconds=3600)
    caller, revoked = holder(tenant, tools), a_pair(tools, tenant)
    revoke_token(str(revoked.refresh_token), None, tools)
    # Within the second in which their tokens were minted.
    demoted, promoted = (admit(caller, rooms["own"], tools, role=role) for role in ("host", "viewer"))
    change_participant(caller, *names(demoted), ParticipantChanges(role="viewer"), tools)
    change_participant(caller, *names(promoted), ParticipantChanges(role="host"), tools)
    narrow = Exchange(Credential(secret=tenant.api_key), "rooms:write participants:read")
    usual = a_pair(tools, tenant).access_token
    return {
        "usual": usual,
        "test": a_pair(tools, test_key).access_token,
        "confined": a_pair(tools, tenant, rooms["own"]).access_token,
        "participant": admit(caller, rooms["own"], tools).pair.access_token,
        "without the scope": exchange_api_key(narrow, tools).access_token,
        "expired": expired,
        "revoked": revoked.access_token,
        "demoted": demoted.pair.access_token,
        "promoted": promoted.pair.access_token,
        "cut off": usual[:-1],
    }


def outcome(look):
    """Give the room, or the class of the refusal."""
    try:
        return look()
    except ServiceError as refusal:
        return type(refusal)


DEAD = {
    "expired": AccessTokenExpiredError,
    "revoked": InvalidAccessTokenError,
    "demoted": InvalidAccessTokenError,
    "promoted": InvalidAccessTokenError,
    "cut off": InvalidAccessTokenError,
    "without the scope": InsufficientScopeError,
}
SEES = {
    "usual": {"open", "own", "ended"},
    "test": {"test"},
    "confined": {"own"},
    "participant": {"own"},
}


def test_every_token_sees_of_every_room_what_it_would_see_in_two_steps(tools, tokens, rooms):
    """
    B8, H1, I3: the token is judged first, then its scope, then the room: a dead one learns nothing of any room, and a
    living one sees those of its tenant and mode, and of its confinement.
    """
    told = {
        (token, room): outcome(lambda token=token, room=room: look_up_room_by_token(tokens[token], rooms[room], tools))
        for token in tokens
        for room in rooms
    }

    for (token, room), answer in told.items():
        two_steps = outcome(
            lambda token=token, room=room: look_up_room(
                authenticate_access_token(tokens[token], tools), rooms[room], tools
            )
        )
        assert (token, room, answer) == (token, room, two_steps)
        if token in DEAD:
            assert (token, room, answer) == (token, room, DEAD[token])
        elif room in SEES[token]:
            assert (token, print_id("room", answer.id)) == (token, rooms[room])
        else:
            assert (token, room, answer) == (token, room, NotFoundError)
