"""Who presents this key? One answer for every key that does not work."""

import dataclasses

import pytest

from app.domain.api_keys.format import compose
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.close_tenant import close_tenant
from app.flows.refusals import InvalidApiKeyError, MasterKeyAwayError, TenantSuspendedError
from app.flows.results import Caller, Changes
from app.foundation.identifiers import parse_id
from app.foundation.master_key import derive
from app.foundation.master_keys import MasterKeys
from tests.builders import ALL_SCOPES, a_tenant

SECRET = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


def test_a_tenants_key_is_its_tenant(tenant, tools):
    """
    The key says whose it is and what it may do.
    """
    assert authenticate_api_key(tenant.api_key, tools) == Caller(
        kind="tenant",
        tenant_id=parse_id("tenant", tenant.id),
        key_id=tenant.api_key.split("_")[2],
        scope=f"{ALL_SCOPES} offline_access",
    )


def test_an_operators_key_is_no_tenant(admin_key, tools):
    """
    B9: an operator manages tenants and acts for none.
    """
    caller = authenticate_api_key(admin_key, tools)

    assert admin_key.startswith("ak_live_")
    assert (caller.kind, caller.tenant_id, caller.scope) == ("operator", None, "")


@pytest.mark.parametrize(
    "presented",
    [
        "",
        "nonsense",
        "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q7",
        compose("sk", "live", "00000000", SECRET),
        compose("sk", "live", "", SECRET),
        compose("sk", "live", "x" * 5000, SECRET),
        compose("sk", "live", "a\x00b", SECRET),
        compose("sk", "live", "é", SECRET),
        compose("sk", "live", "\ud800", SECRET),
        compose("sk", "live", "' OR 1=1", SECRET),
        "\x00" * 60,
        "x" * 100_000,
    ],
)
def test_what_is_no_key_is_refused(tools, presented):
    """
    B3, A16: unknown, malformed or hostile, also with the right checksum: one refusal, and nothing falls over.
    """
    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(presented, tools)


def test_the_id_of_a_key_is_not_enough(tenant, tools):
    """
    B3: the right id with another secret, mode, type or a longer tail is an unknown key, whatever its checksum says.
    """
    kind, mode, key_id, rest = tenant.api_key.split("_")
    secret = rest[:-6]

    for parts in [
        (kind, mode, key_id, SECRET),
        (kind, "test", key_id, secret),
        ("ak", mode, key_id, secret),
        (kind, mode, key_id, secret + "0"),
        (kind, mode, key_id, secret[:-1]),
        (kind, mode, key_id.swapcase(), secret),
    ]:
        with pytest.raises(InvalidApiKeyError):
            authenticate_api_key(compose(*parts), tools)

    assert compose(kind, mode, key_id, secret) == tenant.api_key


def test_a_suspended_tenant_is_told_only_to_its_own_key(tenant, tools, admin_key):
    """
    B3: who holds the right key may know; a wrong one learns nothing of it.
    """
    change_tenant(authenticate_api_key(admin_key, tools), tenant.id, Changes(suspended=True), tools)
    key_id = tenant.api_key.split("_")[2]

    with pytest.raises(TenantSuspendedError):
        authenticate_api_key(tenant.api_key, tools)
    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(compose("sk", "live", key_id, SECRET), tools)


def test_a_closed_tenants_key_is_like_any_unknown_one(tools):
    """
    B10: a revoked key gets the same answer as one that never was.
    """
    closed = a_tenant(tools)
    close_tenant(authenticate_api_key(closed.api_key, tools), closed.id, tools)

    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(closed.api_key, tools)


def test_under_another_master_key_no_key_works(tenant, tools):
    """
    B1: what lies in the database opens nothing without the master key that it was made under; nobody says it is wrong.
    """
    thief = MasterKeys(lambda: [derive(b"of the thief" * 3)], lambda: None, 5)
    stolen = dataclasses.replace(tools, masters=thief)

    with pytest.raises(MasterKeyAwayError):
        authenticate_api_key(tenant.api_key, stolen)
