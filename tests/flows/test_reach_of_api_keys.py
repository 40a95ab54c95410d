"""A key that may be used from some networks only gives nobody a key that may be used from elsewhere."""

import pytest

from app.flows.admit_participant import Admit, admit_participant
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_api_key import change_api_key
from app.flows.create_api_key import KeyWanted, create_api_key
from app.flows.refusals import ForbiddenError, InsufficientScopeError, InvalidRequestError
from app.flows.results import KeyChanges, NewParticipant
from app.flows.rotate_api_key import rotate_api_key
from tests.builders import a_room, an_operator

HOME = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.fixture
def owner(tools, tenant):
    """The tenant's own key, which may be used from everywhere."""
    return authenticate_api_key(tenant.api_key, tools)


@pytest.fixture
def confined(tools, tenant, owner):
    """Who calls by a key that may be used from home only, and the key's id."""
    created = create_api_key(owner, tenant.id, KeyWanted("home", networks=HOME), tools)
    return authenticate_api_key(created.issued.text, tools), created.issued.name


def create(tools, tenant, caller, networks):
    return create_api_key(caller, tenant.id, KeyWanted("new", networks=networks), tools)


def test_a_new_key_is_at_home_where_its_maker_is(tools, tenant, confined):
    """
    CONTRACT 2: without networks it has those of its maker; with some, they lie within.
    """
    caller, _ = confined

    assert create(tools, tenant, caller, None).details.networks == HOME
    for within in (["10.1.0.0/16"], ["2001:db8:1::/48", "10.2.3.4/32"], HOME):
        assert create(tools, tenant, caller, within).details.networks == within
    for beyond in (["0.0.0.0/0"], ["10.0.0.0/7"], ["10.1.0.0/16", "192.0.2.1/32"], ["::/0"]):
        with pytest.raises(InvalidRequestError, match="allowed_cidrs"):
            create(tools, tenant, caller, beyond)


def test_nobody_lifts_the_networks_of_their_own_key(tools, tenant, confined, owner):
    """
    I10: not by a change, and not by a rotation that shows a key which works elsewhere; who is bound by none may.
    """
    caller, own = confined
    free = f"key_{tenant.api_key[8:16]}"
    for changes in (KeyChanges(from_everywhere=True), KeyChanges(networks=["192.0.2.0/24"])):
        with pytest.raises(InvalidRequestError, match="allowed_cidrs"):
            change_api_key(caller, tenant.id, own, changes, tools)
    with pytest.raises(ForbiddenError):
        rotate_api_key(caller, tenant.id, 60, "routine", tools, presented_id=free)

    assert change_api_key(caller, tenant.id, own, KeyChanges(networks=["10.1.0.0/16"]), tools).networks
    operator = authenticate_api_key(an_operator(tools), tools)
    assert change_api_key(operator, tenant.id, own, KeyChanges(networks=HOME), tools).networks == HOME
    assert change_api_key(owner, tenant.id, own, KeyChanges(from_everywhere=True), tools).networks is None


def test_who_lost_the_right_to_admit_while_waiting_does_not(tools, tenant, owner):
    """
    B10: the caller was recognised before its key lost `participants:write`, and asks afterwards.
    """
    room_id = a_room(tools, tenant)
    created = create_api_key(owner, tenant.id, KeyWanted("rooms"), tools)
    caller = authenticate_api_key(created.issued.text, tools)
    change_api_key(owner, tenant.id, created.issued.name, KeyChanges(scopes="rooms:read"), tools)

    with pytest.raises(InsufficientScopeError):
        admit_participant(caller, Admit(room_id, NewParticipant("Ada")), tools)
