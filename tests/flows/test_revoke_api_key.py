"""Revoking an API key: it is dead at once, and so is every session that it opened, and no other."""

from datetime import timedelta

import pytest

from app.flows.refusals import InsufficientScopeError, NotFoundError
from app.flows.revoke_api_key import revoke_api_key
from tests.builders import a_participant, a_room, a_tenant
from tests.named_keys import a_named_key, caller, lives, name_of, opened, refreshes, rotated, status, works


def revoke(tools, by_whom, key, home=None):
    revoke_api_key(caller(by_whom, tools), home or key.id, name_of(key), tools)


@pytest.fixture
def key(tools, tenant):
    """A named key of the tenant's."""
    return a_named_key(tools, tenant)


def test_a_revoked_key_is_dead_with_every_session_that_it_opened(tools, tenant, key):
    """
    B10, I10: its own sessions and those of whom it admitted, by access and by refresh token; other keys' live on.
    """
    room_id = a_room(tools, tenant)
    own = [opened(tools, key), a_participant(tools, key, room_id).pair]
    others = [opened(tools, tenant), a_participant(tools, tenant, room_id).pair]

    revoke(tools, tenant, key)

    assert not works(tools, key)
    assert [lives(tools, each) or refreshes(tools, each) for each in own] == [False, False]
    assert [lives(tools, each) and refreshes(tools, each) for each in others] == [True, True]
    assert works(tools, tenant)
    assert status(tools, tenant, key) == "revoked"


@pytest.mark.parametrize("seconds", [0, -0.000001, -60, -86_400, 86_400])
def test_a_revoked_key_is_dead_on_every_clock(tools, key, clock, seconds):
    """
    I7, I10: also where a clock is behind; a key may revoke itself.
    """
    pair = opened(tools, key)
    revoke(tools, key, key)

    clock.step(seconds=seconds)

    assert not works(tools, key)
    assert not refreshes(tools, pair)


def test_a_second_revocation_finds_nothing(tools, tenant, key):
    """
    CONTRACT 3: what is revoked is not there to be revoked, however it came to it.
    """
    replaced = a_named_key(tools, tenant)
    rotated(tools, tenant, replaced)
    revoke(tools, tenant, key)

    for dead in (key, replaced):
        with pytest.raises(NotFoundError):
            revoke(tools, tenant, dead)


def test_what_still_works_or_has_expired_can_be_revoked_for_good(tools, tenant, key, clock):
    """
    B10: a key in its grace dies at once and its successor does not; one that expired is revoked from then on.
    """
    successor = rotated(tools, tenant, key, grace_seconds=600)
    of_old, of_new = opened(tools, key), opened(tools, successor)
    expired = a_named_key(tools, tenant, expires_at=clock.now() + timedelta(seconds=1))
    clock.step(seconds=1)

    revoke(tools, tenant, key)
    revoke(tools, tenant, expired)

    assert (works(tools, key), works(tools, successor)) == (False, True)
    assert (refreshes(tools, of_old), refreshes(tools, of_new)) == (False, True)
    assert {status(tools, tenant, each) for each in (key, expired)} == {"revoked"}


def test_only_who_may_write_keys_revokes_them_and_only_their_own(tools, tenant, key):
    """
    B8: without `keys:write` not even one's own; another tenant's key is not there, under whichever tenant.
    """
    foreign, reader = a_tenant(tools), a_named_key(tools, tenant, "keys:read rooms:read")

    with pytest.raises(InsufficientScopeError):
        revoke(tools, reader, reader)
    for home in (tenant.id, foreign.id):
        with pytest.raises(NotFoundError):
            revoke(tools, foreign, key, home)
    assert works(tools, key)


@pytest.mark.parametrize(
    "wrong",
    ["", "key_", "{}", "key_{}x", "KEY_{}", "key_key_{}", "sk_{}", "key_ {}", "key_äöü😀äöü😀", "key_\x000000000"],
)
def test_an_id_that_is_written_otherwise_is_nobodys(tools, tenant, key, wrong):
    """
    A9, B8: nothing but `key_` and the eight characters names a key, and nothing fails.
    """
    presented = wrong.format(name_of(key).removeprefix("key_"))

    with pytest.raises(NotFoundError):
        revoke_api_key(caller(tenant, tools), tenant.id, presented, tools)
    assert works(tools, key)
