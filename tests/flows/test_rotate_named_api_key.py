"""Rotating a key by its name: the successor is the same key again, no more, no longer, and there are never three."""

from datetime import timedelta
from functools import partial

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.refusals import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidScopeError,
    KeyNotActiveError,
    NotFoundError,
)
from app.flows.rotate_api_key import rotate_api_key
from tests.adversary.races import at_once
from tests.builders import Tenant, a_tenant
from tests.conftest import environment
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

HELD = "keys:read keys:write rooms:read"
RACERS, ROUNDS = 8, 5


@pytest.fixture
def key(tools, tenant):
    """A named key of the tenant's, without an end."""
    return a_named_key(tools, tenant, HELD)


def test_a_successor_is_the_same_key_again(tools, tenant, clock):
    """
    CONTRACT 3: name, scopes, networks, metadata and end are kept, and each of the two names the other.
    """
    wanted = {
        "networks": ["10.0.0.0/8", "::1/128"],
        "metadata": '{"a":1}',
        "expires_at": clock.now() + timedelta(days=9),
    }
    old = a_named_key(tools, tenant, HELD, name="Backup", **wanted)
    before = details(tools, tenant, old)
    clock.step(hours=1)

    new = rotated(tools, tenant, old, grace_seconds=600)

    after, theirs = details(tools, tenant, new), details(tools, tenant, old)
    kept = ("tenant_id", "mode", "scopes", "name", "metadata", "networks", "expires_at")
    assert {each: getattr(after, each) for each in kept} == {each: getattr(before, each) for each in kept}
    assert (after.created_at, after.grace_ends_at, after.revoked_at) == (clock.now(), None, None)
    assert (theirs.replaced_by, after.replaces, theirs.replaces, after.replaced_by) == (after.id, theirs.id, None, None)
    assert theirs.grace_ends_at == clock.now() + timedelta(seconds=600)


@pytest.mark.parametrize("reason", ["routine", "compromised"])
def test_nobody_is_shown_the_successor_of_a_key_that_may_do_more(tools, tenant, key, reason):
    """
    B10: the caller must hold every scope of the key; the key stays as it was. With them, it is rotated.
    """
    narrower, as_wide = a_named_key(tools, tenant, "keys:write rooms:read"), a_named_key(tools, tenant, HELD)

    with pytest.raises(InvalidScopeError):
        rotated(tools, narrower, key, reason=reason)

    assert status(tools, tenant, key) == "active"
    assert works(tools, rotated(tools, as_wide, key, reason=reason))


@pytest.mark.parametrize("reason", ["routine", "compromised"])
@pytest.mark.parametrize("ends", [None, timedelta(hours=1, microseconds=1)])
def test_nobody_is_shown_the_successor_of_a_key_that_lives_longer(tools, tenant, clock, ends, reason):
    """
    B5, B10: not by a key with an end, and not by one in its grace, also not of its own successor.
    """
    later = a_named_key(tools, tenant, HELD, expires_at=ends and clock.now() + ends)
    same = a_named_key(tools, tenant, HELD, expires_at=clock.now() + timedelta(hours=1))
    short = a_named_key(tools, tenant, HELD, expires_at=clock.now() + timedelta(hours=1))
    replaced = a_named_key(tools, tenant, HELD)
    successor = rotated(tools, tenant, replaced, grace_seconds=3600)

    for by_whom, key in ((short, later), (replaced, later), (replaced, successor)):
        with pytest.raises(ForbiddenError):
            rotated(tools, by_whom, key, reason=reason)

    assert {status(tools, tenant, key) for key in (later, successor)} == {"active"}
    assert works(tools, rotated(tools, short, same, reason=reason))


def test_an_operator_rotates_any_key_by_its_name(tools, tenant, admin_key, key):
    """
    CONTRACT 3: an operator holds all and lives as long; only to rotate, it must say which.
    """
    operator = caller(Tenant(tenant.id, admin_key), tools)

    issued = rotate_api_key(operator, tenant.id, 0, "routine", tools, presented_id=name_of(key)).issued

    assert caller(Tenant(tenant.id, issued.text), tools).scope == HELD


def test_a_grace_never_goes_beyond_the_end_of_the_key(tools, tenant, clock):
    """
    B5: however long a grace is asked for, the old key is over by its own end, and its successor as well.
    """
    end = clock.now() + timedelta(seconds=60)
    old = a_named_key(tools, tenant, HELD, expires_at=end)

    new = rotated(tools, tenant, old, grace_seconds=2_592_000)

    assert details(tools, tenant, old).grace_ends_at == end
    clock.step(seconds=60, microseconds=-1)
    assert (works(tools, old), works(tools, new)) == (True, True)
    clock.step(microseconds=1)
    assert (works(tools, old), works(tools, new)) == (False, False)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_key_has_one_predecessor_at_most(tools, tenant, key, by_name):
    """
    B6: when a successor is rotated again, the first key ends, though its grace was not over; its sessions go on.
    """
    pair = opened(tools, key)
    second = rotated(tools, tenant, key, grace_seconds=600)
    assert works(tools, key)

    if by_name:
        third = rotated(tools, tenant, second, grace_seconds=600)
    else:
        issued = rotate_api_key(caller(second, tools), tenant.id, 600, "routine", tools).issued
        third = Tenant(tenant.id, issued.text)

    assert [works(tools, each) for each in (key, second, third)] == [False, True, True]
    assert status(tools, tenant, key) == "revoked"
    assert lives(tools, pair)
    assert refreshes(tools, pair)


def test_a_compromised_key_takes_its_own_sessions_with_it_and_no_others(tools, tenant, key):
    """
    B10: not those of the caller, of its successor, or of the key that it replaced.
    """
    of_first = opened(tools, key)
    second = rotated(tools, tenant, key)
    pairs = [opened(tools, each) for each in (tenant, second)]

    third = rotated(tools, tenant, second, grace_seconds=600, reason="compromised")

    assert (works(tools, second), works(tools, third)) == (False, True)
    assert [lives(tools, each) and refreshes(tools, each) for each in (of_first, *pairs)] == [True, True, False]
    assert not lives(tools, pairs[1])


def test_a_key_that_is_found_stolen_in_its_grace_dies_at_once(tools, tenant, key):
    """
    B10: it gets no other successor, and ends all the same, with its sessions; the one that it has does not.
    """
    second = rotated(tools, tenant, key, grace_seconds=600)
    pairs = [opened(tools, each) for each in (key, second)]

    with pytest.raises(KeyNotActiveError):
        rotated(tools, tenant, key, reason="compromised")

    assert (works(tools, key), works(tools, second)) == (False, True)
    assert [lives(tools, each) for each in pairs] == [False, True]


def test_a_grace_ends_at_its_moment(tools, tenant, key, clock):
    """
    B5: a microsecond before, the old key works; then it does not.
    """
    rotated(tools, tenant, key, grace_seconds=600)

    clock.step(seconds=600, microseconds=-1)
    assert works(tools, key)
    clock.step(microseconds=1)
    assert not works(tools, key)


def test_only_who_may_write_keys_rotates_them_and_only_their_own(tools, tenant, key):
    """
    B8: without `keys:write` not even one's own; another tenant's key is not there, under whichever tenant.
    """
    foreign, reader = a_tenant(tools), a_named_key(tools, tenant, "keys:read rooms:read")

    with pytest.raises(InsufficientScopeError):
        rotated(tools, reader, reader)
    for home in (tenant.id, foreign.id):
        with pytest.raises(NotFoundError):
            rotate_api_key(caller(foreign, tools), home, 0, "routine", tools, presented_id=name_of(key))
    assert status(tools, tenant, key) == "active"


def test_of_many_rotations_of_a_named_key_at_once_one_wins(database_url):
    """
    B6: one successor, which works; everybody else is told, and nobody else is given a key.
    """
    tools = wiring_of(create_app(environment(database_url, DATABASE_POOL_SIZE=str(RACERS)))).tools
    for _ in range(ROUNDS):
        tenant = a_tenant(tools)
        key = a_named_key(tools, tenant, HELD)
        by_whom = caller(tenant, tools)

        def race(by_whom=by_whom, key=key):
            try:
                return rotate_api_key(by_whom, key.id, 60, "routine", tools, presented_id=name_of(key)).issued
            except KeyNotActiveError:
                return None

        won = [each for each in at_once([partial(race)] * RACERS) if each is not None]

        assert [each.id for each in won] == [details(tools, tenant, key).replaced_by]
        assert works(tools, Tenant(key.id, won[0].text))
    tools.database.close()
