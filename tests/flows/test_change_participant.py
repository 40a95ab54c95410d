"""Another role or name: what holds from then on, for every session, whatever it was narrowed by and whoever changes."""

import dataclasses

import pytest

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_participant import ParticipantChanges, change_participant
from app.flows.refusals import InvalidAccessTokenError, InvalidRefreshTokenError, InvalidScopeError
from tests.builders import a_key_holding, a_room, a_tenant
from tests.clock import StillClock
from tests.forgery import claims_of
from tests.participants import HOST, PARTICIPANT, VIEWER, admit, holder, mint, names, refresh

IDEMPOTENCY_KEY = "a-request-of-the-client"


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


class InterruptedClock:
    """A clock at whose nth look something happens elsewhere, before it is read; it counts the looks."""

    def __init__(self, clock, nth=0, happens=None):
        self._clock, self._nth, self._happens = clock, nth, happens
        self.looks = 0

    def now(self):
        """Tell the moment of the clock behind."""
        self.looks += 1
        if self.looks == self._nth:
            self._happens()
        return self._clock.now()


def change(caller, admission, tools, **changes):
    return change_participant(caller, *names(admission), ParticipantChanges(**changes), tools)


def renewed(admission, tools):
    """Refresh the session of an admission, and give the admission with its new pair."""
    return dataclasses.replace(admission, pair=refresh(admission.pair, tools))


@pytest.mark.parametrize(
    "case",
    [
        ("viewer", None, "host", HOST),
        ("participant", "rooms:read", "host", "rooms:read"),
        ("participant", "participants:read", "host", "participants:read"),
        ("host", "rooms:read", "participant", "rooms:read"),
        ("host", "rooms:read participants:write", "participant", "rooms:read"),
        ("host", "participants:write", "viewer", None),
        ("host", "participants:read participants:write", "viewer", None),
    ],
)
def test_what_a_session_left_out_stays_out(tools, tenant, room_id, case):
    """
    C5, A14: a narrowed session gets of its new role no more than was asked for it; one that shares nothing with the
    new role is over. A session beside it that was not narrowed gets all.
    """
    role, asked, then, scope = case
    key = holder(tenant, tools)
    whole = admit(key, room_id, tools, role=role)
    narrowed = mint(key, whole, tools, scope=asked)

    change(key, whole, tools, role=then)

    assert renewed(whole, tools).pair.scope == {"host": HOST, "participant": PARTICIPANT, "viewer": VIEWER}[then]
    if scope is None:
        with pytest.raises(InvalidRefreshTokenError):
            renewed(narrowed, tools)
    else:
        assert renewed(narrowed, tools).pair.scope == scope


def test_what_a_session_left_out_stays_out_over_any_number_of_changes(tools, tenant, room_id):
    """
    C5, A14: down to a role that has not what was left out, and up again: it is not given on the way.
    """
    key = holder(tenant, tools)
    host = admit(key, room_id, tools, role="host")
    narrowed = mint(key, host, tools, scope="rooms:read participants:read")

    for role in ("participant", "viewer", "host"):
        change(key, host, tools, role=role)

    assert renewed(narrowed, tools).pair.scope == "rooms:read participants:read"
    assert renewed(host, tools).pair.scope == HOST


def test_who_changes_a_role_takes_nothing_that_it_does_not_hold(tools, tenant, room_id):
    """
    CONTRACT 3: to leave a scope where it is, is not to give it: a key that holds little makes a host a participant,
    whose refresh goes on with the rights of one.
    """
    host = admit(holder(tenant, tools), room_id, tools, role="host")
    less = authenticate_api_key(a_key_holding("participants:write", tenant, tools).api_key, tools)

    change(less, host, tools, role="participant")

    assert renewed(host, tools).pair.scope == PARTICIPANT


def test_who_changes_a_role_gives_no_more_than_they_hold(tools, tenant, room_id):
    """
    CONTRACT 3, A14: a new role is worth what the key, or the host's token, that gives it holds of it.
    """
    less = authenticate_api_key(a_key_holding("participants:write rooms:read", tenant, tools).api_key, tools)
    host = admit(less, room_id, tools, role="host")

    for changer in (less, holder(host, tools)):
        person = admit(holder(tenant, tools), room_id, tools, known_as="42", role="viewer")
        change(changer, person, tools, role="host")
        person = renewed(person, tools)
        assert person.pair.scope == "rooms:read participants:write"
        again = admit(changer, room_id, tools, known_as="42", role="participant")
        assert (again.pair.scope, renewed(person, tools).pair.scope) == ("rooms:read", "rooms:read")


def test_the_role_of_before_given_back_brings_no_token_back(tools, tenant, room_id, clock):
    """
    CONTRACT 3, I3: an access token from before a change is dead, also when the role that it says is right again.
    """
    key = holder(tenant, tools)
    host = admit(key, room_id, tools, role="host")

    for role in ("viewer", "host"):
        clock.step(seconds=1)
        change(key, host, tools, role=role)
        with pytest.raises(InvalidAccessTokenError):
            holder(host, tools)

    fresh = renewed(host, tools)
    assert (holder(fresh, tools).scope, claims_of(fresh.pair.access_token)["role"]) == (HOST, "host")


def test_a_retry_after_a_change_gets_the_new_rights(tools, tenant, room_id):
    """
    I5, B10: the lost answer of a refresh is given again with the same successor, and with a token of the new role.
    """
    key = holder(tenant, tools)
    host = admit(key, room_id, tools, role="host")
    lost = refresh(host.pair, tools, IDEMPOTENCY_KEY)

    change(key, host, tools, role="viewer")
    again = refresh(host.pair, tools, IDEMPOTENCY_KEY)

    assert again.refresh_token == lost.refresh_token
    assert (again.scope, claims_of(again.access_token)["role"]) == (VIEWER, "viewer")
    with pytest.raises(InvalidAccessTokenError):
        holder(dataclasses.replace(host, pair=lost), tools)


@pytest.mark.parametrize("way", ["PATCH", "re-admission"])
def test_another_name_stands_in_the_next_token_of_every_session(tools, tenant, room_id, way):
    """
    CONTRACT 3: a name outdates nothing; whoever refreshes next has it, and so has who is admitted or minted for.
    """
    key = holder(tenant, tools)
    first = admit(key, room_id, tools, known_as="42", scope="rooms:read")
    second, other = mint(key, first, tools), admit(key, room_id, tools)

    if way == "PATCH":
        assert change(key, first, tools, display_name="Lovelace").display_name == "Lovelace"
    else:
        admit(key, room_id, tools, known_as="42", name="Lovelace")

    assert claims_of(mint(key, first, tools).pair.access_token)["display_name"] == "Lovelace"
    for each, name in ((first, "Lovelace"), (second, "Lovelace"), (other, "Ada")):
        assert holder(each, tools).scope == each.pair.scope
        assert claims_of(renewed(each, tools).pair.access_token)["display_name"] == name


@pytest.mark.parametrize("ahead", [1, 30, 60])
def test_a_worker_whose_clock_is_behind_mints_tokens_that_work(worker, clock, ahead):
    """
    CONTRACT 5: a role that was changed by a worker whose clock is ahead does not make the tokens of the others dead:
    the next one works on both, for as long as it says; those of the old role work on neither.
    """
    fast = StillClock()
    here, there = worker(clock), worker(fast)
    tenant = a_tenant(here)
    host = admit(holder(tenant, here), a_room(here, tenant), here, role="host")
    fast.step(seconds=ahead, microseconds=400_000)

    change(holder(tenant, there), host, there, role="viewer")
    fresh = renewed(host, here)

    claims = claims_of(fresh.pair.access_token)
    assert (claims["role"], claims["exp"] - claims["iat"]) == ("viewer", fresh.pair.expires_in)
    for tools in (here, there):
        assert holder(fresh, tools).scope == VIEWER
        with pytest.raises(InvalidAccessTokenError):
            holder(host, tools)
    minted = mint(holder(tenant, here), host, here)
    assert holder(minted, here).scope == VIEWER


def test_a_scope_that_was_weighed_against_the_old_role_is_not_given(tools, tenant, room_id, clock):
    """
    B10, A14, C5: a refresh that asks for a scope, and is overtaken by a change of the role between two of its steps,
    gives nothing that the new role has not.
    """
    key, rehearsal = holder(tenant, tools), InterruptedClock(clock)
    twin, host = (admit(key, room_id, tools, role="host") for _ in range(2))
    renewed(twin, dataclasses.replace(tools, clock=rehearsal))
    # The last look at the clock is right before the rotation, when the scope has been weighed.
    demotion = InterruptedClock(clock, rehearsal.looks, lambda: change(key, host, tools, role="viewer"))
    overtaken = dataclasses.replace(tools, clock=demotion)

    with pytest.raises(InvalidScopeError):
        refresh(host.pair, overtaken, IDEMPOTENCY_KEY, scope="participants:write")

    # The request may be repeated for less.
    again = refresh(host.pair, tools, IDEMPOTENCY_KEY)
    assert (demotion.looks, again.scope, claims_of(again.access_token)["role"]) == (rehearsal.looks, VIEWER, "viewer")
