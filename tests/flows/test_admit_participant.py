"""Whoever admits gives no more than they hold, and what ends them ends what they gave."""

import pytest

from app.flows.admit_participant import Admit, admit_participant
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_participant import ParticipantChanges, change_participant
from app.flows.change_tenant import change_tenant
from app.flows.end_session import end_session
from app.flows.look_up_participants import look_up_participants
from app.flows.refusals import (
    InsufficientScopeError,
    InvalidAccessTokenError,
    InvalidApiKeyError,
    InvalidRefreshTokenError,
    InvalidScopeError,
    NotFoundError,
    ParticipantBannedError,
    TenantSuspendedError,
)
from app.flows.remove_participant import remove_participant
from app.flows.results import Changes, NewParticipant, Role
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from tests.builders import a_key_holding, a_pair, a_room, a_tenant, an_operator
from tests.forgery import claims_of
from tests.participants import HOST, PARTICIPANT, VIEWER, admit, holder, mint, names, refresh

EVERY_ROLE: tuple[Role, ...] = ("host", "participant", "viewer")


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


def in_the_room(caller, room_id, tools):
    page = look_up_participants(caller, room_id, (None, 100), tools, active=True)
    return [participant.id for participant in page.items]


def operate(tools):
    return authenticate_api_key(an_operator(tools), tools)


@pytest.mark.parametrize(
    ("held", "given"),
    [
        ("participants:write", ["participants:write", None, None]),
        ("participants:write rooms:read", ["rooms:read participants:write", "rooms:read", "rooms:read"]),
        ("participants:write participants:read", ["participants:read participants:write", "participants:read", None]),
    ],
)
def test_nobody_gives_more_than_they_hold(tools, tenant, room_id, held, given):
    """
    CONTRACT 5, A14: of what a role may, a participant gets what its key holds too; where that is nothing, nobody is
    admitted and no place is taken.
    """
    key = authenticate_api_key(a_key_holding(held, tenant, tools).api_key, tools)

    for role, scope in zip(EVERY_ROLE, given, strict=True):
        if scope is None:
            with pytest.raises(InvalidScopeError):
                admit(key, room_id, tools, role=role)
        else:
            assert claims_of(admit(key, room_id, tools, role=role).pair.access_token)["scope"] == scope

    everybody = in_the_room(holder(tenant, tools), room_id, tools)
    assert len(everybody) == len([scope for scope in given if scope])


def test_a_host_gives_at_most_what_its_token_holds(tools, tenant, room_id):
    """
    CONTRACT 3, C5: neither its role nor its session counts, but the token that it shows, also one that was narrowed at
    a refresh.
    """
    whole = admit(holder(tenant, tools), room_id, tools, role="host")
    narrow = admit(holder(tenant, tools), room_id, tools, role="host", scope="participants:write rooms:read")
    credential = Credential(client_id=tenant.id, secret=tenant.api_key)
    narrower = refresh(whole.pair, tools, credential=credential, scope="participants:write")
    narrowed_later = authenticate_access_token(narrower.access_token, tools)

    def scopes(caller):
        return [admit(caller, room_id, tools, role=role).pair.scope for role in EVERY_ROLE]

    assert scopes(holder(whole, tools)) == [HOST, PARTICIPANT, VIEWER]
    assert scopes(holder(narrow, tools)) == ["rooms:read participants:write", "rooms:read", "rooms:read"]
    assert admit(narrowed_later, room_id, tools, role="host").pair.scope == "participants:write"
    with pytest.raises(InvalidScopeError):
        mint(narrowed_later, whole, tools, scope="rooms:read")


@pytest.mark.parametrize("role", ["participant", "viewer"])
def test_only_a_host_admits(tools, tenant, room_id, role):
    """
    CONTRACT 3: others admit nobody, and do not even give themselves another session, which would outlive theirs.
    """
    guest = admit(holder(tenant, tools), room_id, tools, role=role)

    with pytest.raises(InsufficientScopeError):
        admit(holder(guest, tools), room_id, tools)
    with pytest.raises(InsufficientScopeError):
        mint(holder(guest, tools), guest, tools)


def test_who_comes_back_after_removal_has_no_rights_of_before(tools, tenant, room_id):
    """
    CONTRACT 3: without a role, those in the room keep theirs, and those who were removed are participants; a role that
    is given counts.
    """
    key = holder(tenant, tools)
    host = admit(key, room_id, tools, known_as="42", role="host")

    kept = admit(key, room_id, tools, known_as="42")
    remove_participant(key, *names(host), tools, ban=False)
    back = admit(key, room_id, tools, known_as="42")
    remove_participant(key, *names(host), tools, ban=False)
    asked = admit(key, room_id, tools, known_as="42", role="viewer")

    assert [each.participant.role for each in (kept, back, asked)] == ["host", "participant", "viewer"]
    assert [each.pair.scope for each in (kept, back, asked)] == [HOST, PARTICIPANT, VIEWER]
    assert {each.participant.id for each in (host, kept, back, asked)} == {host.participant.id}


def test_a_refused_admission_changes_nothing(tools, tenant, room_id):
    """
    CONTRACT 3: who is there and asks for too much keeps name, role and tokens, though both were given anew.
    """
    key = holder(tenant, tools)
    first = admit(key, room_id, tools, known_as="42", role="host")

    with pytest.raises(InvalidScopeError):
        admit(key, room_id, tools, known_as="42", role="viewer", name="Eve", scope="participants:write")

    again = admit(key, room_id, tools, known_as="42", name="Ada")
    assert (again.participant, holder(first, tools).scope) == (first.participant, HOST)


def test_what_a_key_or_a_session_opened_through_a_host_ends_with_the_key(tools, tenant, room_id):
    """
    B10: whom a host admits stands on the key that the host stands on: when it is compromised, they end with it; when
    only the host's session ends, or the host is removed, they stay.
    """
    other = a_key_holding("participants:write rooms:read keys:write", tenant, tools)
    host = admit(holder(other, tools), room_id, tools, role="host")
    guest = admit(holder(host, tools), room_id, tools, role="host")
    third = admit(holder(guest, tools), room_id, tools)

    remove_participant(holder(tenant, tools), *names(host), tools, ban=True)
    end_session(holder(tenant, tools), claims_of(guest.pair.access_token)["sid"], tools)
    assert holder(third, tools).participant_id == third.participant.id

    rotate_api_key(holder(other, tools), tenant.id, 0, "compromised", tools)
    with pytest.raises(InvalidAccessTokenError):
        holder(third, tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh(third.pair, tools)


def ends_its_session(caller, tenant, tools):
    end_session(holder(tenant, tools), claims_of(caller.pair.access_token)["sid"], tools)


def removes_it(caller, tenant, tools):
    remove_participant(holder(tenant, tools), *names(caller), tools, ban=False)


def makes_it_a_viewer(caller, tenant, tools):
    change_participant(holder(tenant, tools), *names(caller), ParticipantChanges(role="viewer"), tools)


def suspends_its_tenant(_caller, tenant, tools):
    change_tenant(operate(tools), tenant.id, Changes(suspended=True), tools)


@pytest.mark.parametrize("end", [ends_its_session, removes_it, makes_it_a_viewer, suspends_its_tenant])
def test_a_host_that_ends_after_it_was_recognised_does_nothing_more(tools, tenant, room_id, end):
    """
    B10: a request that was authenticated a moment before its authority ended admits, changes and removes nobody.
    """
    host, guest = (admit(holder(tenant, tools), room_id, tools, role=role) for role in ("host", "viewer"))
    recognised = holder(host, tools)

    end(host, tenant, tools)

    for story in (
        lambda: admit(recognised, room_id, tools),
        lambda: mint(recognised, guest, tools),
        lambda: change_participant(recognised, *names(guest), ParticipantChanges(role="host"), tools),
        lambda: remove_participant(recognised, *names(guest), tools, ban=True),
    ):
        with pytest.raises(InvalidAccessTokenError):
            story()


def test_a_key_that_ends_after_it_was_recognised_does_nothing_more(tools, tenant, room_id):
    """
    B10, I10: the same for a key that is replaced, and for one whose tenant is suspended.
    """
    recognised, elsewhere = holder(tenant, tools), a_tenant(tools)
    guest = admit(recognised, room_id, tools)
    other_room, other = a_room(tools, elsewhere), holder(elsewhere, tools)
    rotate_api_key(recognised, tenant.id, 0, "routine", tools)
    suspends_its_tenant(None, elsewhere, tools)

    with pytest.raises(InvalidApiKeyError):
        admit(recognised, room_id, tools)
    with pytest.raises(InvalidApiKeyError):
        remove_participant(recognised, *names(guest), tools, ban=False)
    with pytest.raises(TenantSuspendedError):
        admit(other, other_room, tools)
    # Routine rotation keeps sessions alive.
    assert holder(guest, tools).participant_id == guest.participant.id


def test_a_token_of_the_tenant_for_one_room_admits_there_only(tools, tenant, room_id):
    """
    CONTRACT 4: who is confined to a room admits to no other; and a host cannot bring back whom the tenant banned.
    """
    confined = authenticate_access_token(a_pair(tools, tenant, room_id).access_token, tools)
    host = admit(confined, room_id, tools, role="host")
    banned = admit(holder(host, tools), room_id, tools, known_as="42")
    remove_participant(holder(tenant, tools), *names(banned), tools, ban=True)

    for caller in (confined, holder(host, tools)):
        with pytest.raises(NotFoundError):
            admit_participant(caller, Admit(a_room(tools, tenant), NewParticipant("Ada")), tools)
        with pytest.raises(ParticipantBannedError):
            admit(caller, room_id, tools, known_as="42", role="host")
