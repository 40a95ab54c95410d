"""Registering, replacing and withdrawing a client's own keys: who may, and what the keys may do then."""

import logging

import pytest

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.look_up import look_up_tenant
from app.flows.refusals import (
    InsufficientScopeError,
    InvalidRequestError,
    InvalidScopeError,
)
from app.flows.results import Changes, ClientKeys
from app.flows.steps import Credential
from tests.assertions import a_key, an_assertion, jwks_of
from tests.builders import ALL_SCOPES, a_key_holding

URL = "https://keys.example/jwks.json"


def a_set(*keys):
    return ClientKeys(jwks=jwks_of(*keys))


@pytest.fixture
def change(tenant, tools):
    """Change the tenant, as the tenant."""

    def as_the_tenant(**changes):
        return change_tenant(authenticate_api_key(tenant.api_key, tools), tenant.id, Changes(**changes), tools)

    return as_the_tenant


def credential(key, tenant, tools):
    return Credential(assertion=an_assertion(key, tenant.id, tools.clock.now()))


def a_pair_by(key, tenant, tools, scope="rooms:read offline_access"):
    return exchange_api_key(Exchange(credential(key, tenant, tools), scope=scope), tools)


CHANGES = {
    "jwks": lambda: {"client_keys": a_set(a_key())},
    "jwks_uri": lambda: {"client_keys": ClientKeys(jwks_uri=URL)},
    "no jwks": lambda: {"withdrawn": ["jwks"]},
    "no jwks_uri": lambda: {"withdrawn": ["jwks_uri"]},
}


@pytest.mark.parametrize("which", CHANGES)
@pytest.mark.parametrize("lacks", ["tenant:write", "keys:write"])
def test_to_change_the_keys_takes_both_scopes(tenant, tools, change, which, lacks):
    """
    B8, I: a key that may change the tenant, but no keys, plants and withdraws none; nor the other way round.
    """
    before = change(client_keys=a_set(a_key()))
    (held,) = {"tenant:write", "keys:write"} - {lacks}
    caller = authenticate_api_key(a_key_holding(held, tenant, tools).api_key, tools)

    with pytest.raises(InsufficientScopeError) as refused:
        change_tenant(caller, tenant.id, Changes(name="Other", **CHANGES[which]()), tools)

    assert refused.value.scope == lacks
    assert look_up_tenant(authenticate_api_key(tenant.api_key, tools), tenant.id, tools) == before


def test_the_name_takes_no_more_than_before(tenant, tools):
    """
    The rest of a tenant is changed with `tenant:write` alone.
    """
    caller = authenticate_api_key(a_key_holding("tenant:write", tenant, tools).api_key, tools)

    assert change_tenant(caller, tenant.id, Changes(name="Other"), tools).name == "Other"


def test_null_takes_its_own_field_away(tools, change):
    """
    PATCH /tenants/{id}: to take back a set that is not there leaves the URL, and the other way round.
    """
    first = ClientKeys(jwks_uri=URL)
    assert change(client_keys=first).client_keys == first
    assert change(withdrawn=["jwks"]).client_keys == first
    assert change(withdrawn=["jwks_uri"]).client_keys is None

    second = a_set(a_key())
    assert change(client_keys=second).client_keys == second
    assert change(withdrawn=["jwks_uri"]).client_keys == second
    assert change(withdrawn=["jwks_uri", "jwks"]).client_keys is None


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https://", "https://u@a.example/", "https://a:0/", "https://[", ""]
)
def test_a_url_that_cannot_work_is_refused(change, url):
    """
    I: not https, no host, a user, no port, no URL: refused where it is registered, with its field.
    """
    with pytest.raises(InvalidRequestError) as refused:
        change(client_keys=ClientKeys(jwks_uri=url))

    assert refused.value.field == "jwks_uri"


def test_assertions_get_no_more_than_the_key_that_registered_them(tenant, tools):
    """
    B8: a key cannot make itself a client that may do more than it may, whatever the tenant's other keys hold.
    """
    held = "tenant:write keys:write rooms:read"
    caller, key = authenticate_api_key(a_key_holding(held, tenant, tools).api_key, tools), a_key()
    change_tenant(caller, tenant.id, Changes(client_keys=a_set(key)), tools)

    assert set(a_pair_by(key, tenant, tools, scope=None).scope.split()) == set(held.split())
    assert a_pair_by(key, tenant, tools, scope="rooms:read").scope == "rooms:read"
    for more in ("rooms:write", "rooms:read sessions:write", "offline_access"):
        with pytest.raises(InvalidScopeError):
            a_pair_by(key, tenant, tools, scope=more)

    # Who takes a registration over gives it what they hold themselves; an operator, all there is.
    change_tenant(authenticate_api_key(tenant.api_key, tools), tenant.id, Changes(client_keys=a_set(key)), tools)
    assert a_pair_by(key, tenant, tools, scope=None).scope == ALL_SCOPES


def test_an_operator_registers_with_all_scopes(tenant, tools, admin_key):
    """
    CONTRACT 3: an operator may register a tenant's keys, which then may do what the tenant's first key may.
    """
    key = a_key()

    change_tenant(authenticate_api_key(admin_key, tools), tenant.id, Changes(client_keys=a_set(key)), tools)

    assert a_pair_by(key, tenant, tools, scope=None).scope == ALL_SCOPES


def test_a_change_of_keys_is_told_once(tenant, tools, change, caplog):
    """
    Who changed the keys stands in the log, and no key; what changes nothing is not told.
    """
    caplog.set_level(logging.INFO, "chalk.events")
    keys = a_set(a_key())

    for changes in ({"client_keys": keys}, {"client_keys": keys}, {"name": "X"}, {"withdrawn": ["jwks"]}):
        change(**changes)

    told = [each for each in caplog.records if each.getMessage() == "tenant.client_keys_changed"]
    fields = {"tenant": tenant.id, "by": tenant.api_key.rsplit("_", 1)[0].split("_")[-1]}
    assert len(told) == 2
    for each in told:
        assert each.__dict__["fields"]["tenant"] == fields["tenant"]
        assert fields["by"] in each.__dict__["fields"]["by"]
