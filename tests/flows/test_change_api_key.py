"""Changing an API key: it loses scopes and time and never gains any, and what it opened loses them with it."""

from datetime import timedelta

import pytest

from app.flows.change_api_key import change_api_key
from app.flows.look_up_api_keys import look_up_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    InsufficientScopeError,
    InvalidApiKeyError,
    InvalidRequestError,
    InvalidScopeError,
    KeyNotActiveError,
    NotFoundError,
)
from app.flows.results import KeyChanges
from app.flows.revoke_api_key import revoke_api_key
from app.flows.rotate_api_key import rotate_api_key
from tests.builders import a_participant, a_room, a_tenant
from tests.forgery import claims_of
from tests.named_keys import (
    a_named_key,
    caller,
    details,
    lives,
    name_of,
    opened,
    refreshes,
    rotated,
    status,
    works,
)

HELD = "keys:read keys:write rooms:read rooms:write participants:write"


def change(tools, by_whom, key, **changes):
    return change_api_key(caller(by_whom, tools), key.id, name_of(key), KeyChanges(**changes), tools)


@pytest.fixture
def key(tools, tenant):
    """A named key of the tenant's, without an end."""
    return a_named_key(tools, tenant, HELD)


def test_a_key_loses_scopes_and_never_gains_any(tools, tenant, key):
    """
    A14: a part of what it has is taken, also by the key itself; what it has not, or has lost, is refused.
    """
    assert change(tools, tenant, key, scopes="rooms:read keys:write rooms:write").scopes == (
        "keys:write rooms:read rooms:write"
    )
    assert change(tools, key, key, scopes="rooms:read keys:write").scopes == "keys:write rooms:read"

    for beyond in ("keys:write rooms:write", "participants:write", "tenant:read", "nonsense", " "):
        with pytest.raises(InvalidScopeError):
            change(tools, tenant, key, scopes=beyond)
    assert caller(key, tools).scope == "keys:write rooms:read"


def test_a_key_loses_time_and_never_gains_any(tools, tenant, key, clock):
    """
    B5: an end may be set and come nearer, also by the key itself; it never moves away, and never lies in the past.
    """
    end = clock.now() + timedelta(hours=1)
    assert change(tools, tenant, key, expires_at=end).expires_at == end
    assert change(tools, key, key, expires_at=end).expires_at == end

    for wrong in (end + timedelta(microseconds=1), clock.now(), clock.now() - timedelta(days=1)):
        with pytest.raises(InvalidRequestError) as refusal:
            change(tools, tenant, key, expires_at=wrong)
        assert refusal.value.field == "expires_at"
    assert change(tools, tenant, key, expires_at=clock.now() + timedelta(seconds=1)).expires_at < end
    clock.step(seconds=1)
    assert not works(tools, key)


def test_what_is_left_out_stays_as_it_is(tools, tenant, clock):
    """
    CONTRACT 3: each change changes one thing; networks can be lifted.
    """
    made = a_named_key(tools, tenant, HELD, networks=["10.0.0.0/8"], metadata='{"a":1}')
    before = vars(details(tools, tenant, made))
    changes = [
        ("name", "Other", "Other"),
        ("networks", ["192.0.2.0/24", "::1/128"], ["192.0.2.0/24", "::1/128"]),
        ("metadata", "{}", "{}"),
        ("scopes", "rooms:read", "rooms:read"),
        ("expires_at", clock.now() + timedelta(days=1), clock.now() + timedelta(days=1)),
    ]

    assert vars(change(tools, tenant, made)) == before
    for name, value, expected in changes:
        before[name] = expected
        assert vars(change(tools, tenant, made, **{name: value})) == before
    assert vars(change(tools, tenant, made, from_everywhere=True)) == {**before, "networks": None}
    assert vars(details(tools, tenant, made)) == {**before, "networks": None}


def test_sessions_that_hold_what_a_key_lost_end_and_the_others_go_on(tools, tenant, key):
    """
    B10: at once, with their access tokens, those of participants as well; narrower ones, and those of other keys, live.
    """
    room_id, other = a_room(tools, tenant), a_named_key(tools, tenant, HELD)
    host, guest = (a_participant(tools, key, room_id, role) for role in ("host", "participant"))
    beyond = [opened(tools, key), opened(tools, key, "participants:write"), host.pair]
    within = [opened(tools, key, "rooms:read rooms:write"), opened(tools, other), guest.pair]

    change(tools, tenant, key, scopes="keys:write rooms:read rooms:write")

    assert [lives(tools, each) or refreshes(tools, each) for each in beyond] == [False] * 3
    assert [lives(tools, each) and refreshes(tools, each) for each in within] == [True] * 3
    assert opened(tools, key).scope == "keys:write rooms:read rooms:write"


def test_what_a_key_opened_ends_when_the_key_now_does(tools, tenant, key, clock):
    """
    B10: sessions and access tokens from before, a participant's too, live until the new end and not a moment longer;
    those of other keys do.
    """
    pairs = [opened(tools, key), a_participant(tools, key, a_room(tools, tenant)).pair]
    other = opened(tools, tenant)

    change(tools, tenant, key, expires_at=clock.now() + timedelta(seconds=600))
    clock.step(seconds=600, microseconds=-1)
    assert [lives(tools, each) for each in pairs] == [True, True]
    clock.step(microseconds=1)

    assert [lives(tools, each) or refreshes(tools, each) for each in pairs] == [False, False]
    assert lives(tools, other)
    assert refreshes(tools, other)


def test_a_refresh_gives_nothing_beyond_the_new_end_of_the_key(tools, tenant, key, clock):
    """
    B10: a session that was opened for long is cut short, also in what its next access token says.
    """
    pair = opened(tools, key)
    end = clock.now() + timedelta(seconds=90)
    change(tools, tenant, key, expires_at=end)

    for later in (pair_after(tools, pair), opened(tools, key)):
        assert claims_of(later.access_token)["exp"] == int(end.timestamp())


def pair_after(tools, pair):
    return refresh_access(Refresh(pair.refresh_token), tools)


@pytest.mark.parametrize("state", ["rotating", "revoked", "expired", "graceless", "grace over"])
def test_a_key_that_is_not_active_is_neither_changed_nor_rotated(tools, tenant, key, clock, state):
    """
    B6: in its grace, after it, expired or revoked: it stays as it is, and gets no other successor.
    """
    if state == "expired":
        change(tools, tenant, key, expires_at=clock.now() + timedelta(seconds=60))
        clock.step(seconds=60)
    elif state == "revoked":
        revoke_api_key(caller(tenant, tools), tenant.id, name_of(key), tools)
    else:
        rotated(tools, tenant, key, grace_seconds=0 if state == "graceless" else 60)
        clock.step(seconds=60 if state == "grace over" else 59)
    before = details(tools, tenant, key)

    for attempt in (
        {},
        {"name": "Other"},
        {"scopes": "rooms:read"},
        {"expires_at": clock.now() + timedelta(seconds=1)},
    ):
        with pytest.raises(KeyNotActiveError):
            change(tools, tenant, key, **attempt)
    with pytest.raises(KeyNotActiveError):
        rotated(tools, tenant, key, grace_seconds=600)

    assert details(tools, tenant, key) == before
    assert status(tools, tenant, key) == {"graceless": "revoked", "grace over": "revoked"}.get(state, state)


def test_only_who_may_write_keys_changes_them_and_only_their_own(tools, tenant, key):
    """
    B8: without `keys:write` it is refused; another tenant's key, by its own name or under another's, is not there.
    """
    foreign, reader = a_tenant(tools), a_named_key(tools, tenant, "keys:read rooms:read")

    with pytest.raises(InsufficientScopeError):
        change(tools, reader, reader, name="Mine")
    for home in (tenant.id, foreign.id):
        with pytest.raises(NotFoundError):
            change_api_key(caller(foreign, tools), home, name_of(key), KeyChanges(name="Mine"), tools)
        with pytest.raises(NotFoundError):
            look_up_api_key(caller(foreign, tools), home, name_of(key), tools)
    assert details(tools, tenant, key).name == "Spare"


def test_who_waited_in_line_for_their_own_end_manages_no_key_any_more(tools, tenant, key):
    """
    I10: a request that was authenticated before its key ended, or lost `keys:write`, and is served after, does nothing.
    """
    early = [caller(a_named_key(tools, tenant, HELD), tools) for _ in range(2)]
    owner, before = caller(tenant, tools), details(tools, tenant, key)
    revoke_api_key(owner, tenant.id, f"key_{early[0].key_id}", tools)
    change_api_key(owner, tenant.id, f"key_{early[1].key_id}", KeyChanges(scopes="rooms:read"), tools)

    for late, refusal in zip(early, (InvalidApiKeyError, InsufficientScopeError), strict=True):
        with pytest.raises(refusal):
            change_api_key(late, tenant.id, name_of(key), KeyChanges(scopes="rooms:read"), tools)
        with pytest.raises(refusal):
            revoke_api_key(late, tenant.id, name_of(key), tools)
        with pytest.raises(refusal):
            rotate_api_key(late, tenant.id, 0, "routine", tools, presented_id=name_of(key))
    assert details(tools, tenant, key) == before
