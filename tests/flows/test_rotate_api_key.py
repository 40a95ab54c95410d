"""Rotating an API key: the old one ends when it was said to, on every clock; sessions live on unless it was stolen."""

import logging
import threading

import pytest

from app.domain import api_keys
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.issue_resource_server_key import issue_resource_server_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    ForbiddenError,
    InvalidAccessTokenError,
    InvalidApiKeyError,
    InvalidRefreshTokenError,
    KeyNotActiveError,
    NotFoundError,
)
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from tests.assertions import ISSUER
from tests.builders import Tenant, a_pair, a_tenant


def rotate(tenant, tools, grace_seconds=0, reason="routine"):
    caller = authenticate_api_key(tenant.api_key, tools)
    return Tenant(tenant.id, rotate_api_key(caller, tenant.id, grace_seconds, reason, tools).issued.text)


def refuses(tenant, tools):
    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(tenant.api_key, tools)
    with pytest.raises(InvalidApiKeyError):
        exchange_api_key(Exchange(Credential(secret=tenant.api_key)), tools)


def test_the_new_key_has_the_rights_of_the_old_one(tenant, tools):
    """
    Replacing a key changes the key and nothing else.
    """
    before = authenticate_api_key(tenant.api_key, tools)

    after = authenticate_api_key(rotate(tenant, tools).api_key, tools)

    assert (after.kind, after.tenant_id, after.scope) == (before.kind, before.tenant_id, before.scope)
    assert after.key_id != before.key_id
    assert after.key_rotating_until is None


def test_the_new_key_stands_for_the_audience_of_the_old_one(tools):
    """
    H3: the successor of a resource server's key is a resource server's key, and not an operator's.
    """
    now, key = tools.clock.now(), issue_resource_server_key(ISSUER, tools)
    before = authenticate_api_key(key.text, tools)

    with tools.database.transaction() as connection:
        issued = api_keys.rotate(connection, key.id, grace_ends_at=now, pepper=tools.peppers[0], now=now)

    assert issued is not None
    after = authenticate_api_key(issued.text, tools)
    assert (before.kind, after.kind) == ("resource_server", "resource_server")


@pytest.mark.parametrize("reason", ["routine", "compromised"])
@pytest.mark.parametrize("seconds", [0, 0.000001, 86_400, -0.000001, -60, -86_400])
def test_without_a_grace_the_old_key_is_dead_on_every_clock(tenant, tools, clock, reason, seconds):
    """
    B5, I7, I10: after the answer it never works again, also where a clock is behind, or a request began before.
    """
    new = rotate(tenant, tools, reason=reason)

    clock.step(seconds=seconds)

    refuses(tenant, tools)
    assert a_pair(tools, new).access_token


def test_a_grace_ends_when_it_was_said_to(tenant, tools, clock):
    """
    B5: the old key works, and says until when; from that moment on it does not.
    """
    new = rotate(tenant, tools, grace_seconds=600)
    ends = authenticate_api_key(tenant.api_key, tools).key_rotating_until
    assert ends is not None
    assert (ends - clock.now()).total_seconds() == 600

    clock.step(seconds=600, microseconds=-1)
    assert a_pair(tools, tenant).key_rotating_until == ends
    clock.step(microseconds=1)

    refuses(tenant, tools)
    assert authenticate_api_key(new.api_key, tools).kind == "tenant"


def test_sessions_outlive_a_routine_rotation(tenant, tools):
    """
    CONTRACT 3: routine rotation keeps sessions alive, with their access tokens.
    """
    pair = a_pair(tools, tenant)

    rotate(tenant, tools)

    assert authenticate_access_token(pair.access_token, tools).kind == "token"
    assert refresh_access(Refresh(pair.refresh_token or ""), tools).refresh_token


def test_a_compromised_key_takes_its_sessions_with_it(tenant, tools):
    """
    B10: whatever grace was asked for, the key dies at once, with every session it opened and no other.
    """
    neighbour = a_tenant(tools, "Neighbour")
    own, other = a_pair(tools, tenant), a_pair(tools, neighbour)

    rotate(tenant, tools, grace_seconds=600, reason="compromised")

    refuses(tenant, tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(own.refresh_token or ""), tools)
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(own.access_token, tools)
    assert refresh_access(Refresh(other.refresh_token or ""), tools).refresh_token


def test_of_many_rotations_at_once_one_wins(tenant, tools):
    """
    B6: there is one current key afterwards, and the losers are told.
    """
    caller, barrier = authenticate_api_key(tenant.api_key, tools), threading.Barrier(6)
    won, lost = [], []

    def race():
        barrier.wait()
        try:
            won.append(rotate_api_key(caller, tenant.id, 60, "routine", tools).issued)
        except KeyNotActiveError as refusal:
            lost.append(refusal)

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert (len(won), len(lost)) == (1, 5)
    assert authenticate_api_key(won[0].text, tools).kind == "tenant"


def test_a_key_in_its_grace_is_not_rotated_again(tenant, tools):
    """
    B6: its successor exists; a second one would be a key that nobody counted.
    """
    new = rotate(tenant, tools, grace_seconds=60)

    with pytest.raises(KeyNotActiveError):
        rotate(tenant, tools)

    assert authenticate_api_key(new.api_key, tools).kind == "tenant"


def test_a_key_that_is_found_stolen_in_its_grace_dies_at_once(tenant, tools):
    """
    B10: it has its successor already, and gets no other; but it and its sessions end, and the successor does not.
    """
    pair = a_pair(tools, tenant)
    new = rotate(tenant, tools, grace_seconds=600)
    other = a_pair(tools, new)

    with pytest.raises(KeyNotActiveError):
        rotate(tenant, tools, reason="compromised")

    refuses(tenant, tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(pair.refresh_token or ""), tools)
    assert refresh_access(Refresh(other.refresh_token or ""), tools).refresh_token


def test_only_the_calling_key_is_rotated(tenant, tools, admin_key):
    """
    B8: another tenant does not exist; an operator has no key of this tenant to replace.
    """
    foreign = a_tenant(tools, "Foreign")

    with pytest.raises(NotFoundError):
        rotate_api_key(authenticate_api_key(foreign.api_key, tools), tenant.id, 0, "routine", tools)
    with pytest.raises(ForbiddenError):
        rotate_api_key(authenticate_api_key(admin_key, tools), tenant.id, 0, "routine", tools)

    assert authenticate_api_key(tenant.api_key, tools).kind == "tenant"


def test_a_rotation_is_told_without_the_key(tenant, tools, caplog):
    """
    B2: the operator hears which key was replaced by which; neither of them, nor the issued value, prints its text.
    """
    caplog.set_level(logging.DEBUG)
    issued = rotate_api_key(authenticate_api_key(tenant.api_key, tools), tenant.id, 0, "routine", tools).issued

    (event,) = [each for each in caplog.records if each.getMessage() == "api_key.rotated"]
    named = ["key_" + tenant.api_key.split("_")[2], f"key_{issued.id}"]
    assert [event.fields["key"], event.fields["successor"]] == named
    assert issued.text not in caplog.text + str(event.fields) + repr(issued)
