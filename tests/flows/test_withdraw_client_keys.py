"""Withdrawing a client's own keys: the sessions that they opened end with them, and no others."""

import json
from functools import partial

import pytest

from app.entrypoints.wiring import wiring_of
from app.flows import steps
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    InvalidAccessTokenError,
    InvalidClientError,
    InvalidRefreshTokenError,
)
from app.flows.results import Changes, ClientKeys
from app.flows.steps import Credential
from tests.assertions import a_key, an_assertion, jwks_of
from tests.builders import a_pair, a_tenant
from tests.jwks_host import jwks_host, make_ca

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


def lives(pair, tools):
    """Tell whether a session lives, by its access token and by its refresh token, which must agree."""
    told = []
    for use in (
        partial(authenticate_access_token, pair.access_token),
        partial(refresh_access, Refresh(pair.refresh_token)),
    ):
        try:
            use(tools)
            told.append(True)
        except (InvalidAccessTokenError, InvalidRefreshTokenError):
            told.append(False)
    assert len(set(told)) == 1
    return told[0]


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host whose CA this machine trusts."""
    bundle, context = make_ca(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with jwks_host(context) as running:
        yield running


@pytest.fixture
def fetching(make_app, clock):
    """Tools that may fetch from this machine."""
    found = wiring_of(make_app(PRIVATE_JWKS_HOSTS="localhost")).tools
    yield found
    found.database.close()


def test_a_withdrawn_key_ends_what_it_opened_and_nothing_else(tenant, tools, change):
    """
    B10, C13, I: sessions of the key that is gone are over; those of kept keys, of API keys and of neighbours live on.
    """
    gone, kept, added, other = a_key(number=1), a_key(number=2), a_key(number=3), a_tenant(tools)
    change(client_keys=a_set(gone, kept))
    caller = authenticate_api_key(other.api_key, tools)
    change_tenant(caller, other.id, Changes(client_keys=a_set(gone)), tools)
    ended = a_pair_by(gone, tenant, tools)
    living = [a_pair_by(kept, tenant, tools), a_pair(tools, tenant), a_pair_by(gone, other, tools)]

    change(client_keys=a_set(added, kept))

    assert [lives(pair, tools) for pair in living] == [True] * 3
    assert not lives(ended, tools)
    with pytest.raises(InvalidClientError):
        a_pair_by(gone, tenant, tools)


def test_a_kid_that_names_another_key_is_another_key(tenant, tools, change):
    """
    B10: a key replaced under its own name is withdrawn like any other; written another way, it is the same key.
    """
    old, new = a_key("ES256", 1), a_key("EdDSA")
    replaced = type(new)(new.alg, new.pair, old.kid)
    change(client_keys=a_set(old))
    pair = a_pair_by(old, tenant, tools)
    change(client_keys=ClientKeys(jwks=json.dumps({"keys": [{**old.jwk, "use": "sig"}]}, indent=1)))
    pair = refresh_access(Refresh(pair.refresh_token or ""), tools)

    change(client_keys=a_set(replaced))

    assert not lives(pair, tools)


@pytest.mark.parametrize("how", [{"withdrawn": ["jwks"]}, {"client_keys": ClientKeys(jwks_uri=URL)}])
def test_who_gives_the_set_up_starts_anew(tenant, tools, change, how):
    """
    B10: withdrawn whole, or left for a URL of which nothing is known: every session of a client's key is over.
    """
    key = a_key()
    change(client_keys=a_set(key))
    ended, living = a_pair_by(key, tenant, tools), a_pair(tools, tenant)

    change(**how)

    assert (lives(ended, tools), lives(living, tools)) == (False, True)


@pytest.mark.parametrize("how", ["withdrawn", "a set", "another URL"])
def test_who_leaves_a_url_starts_anew(tenant, fetching, host, how):
    """
    B10: of what a URL held we keep nothing, so whatever replaces it ends the sessions of all its keys.
    """
    caller, key = authenticate_api_key(tenant.api_key, fetching), a_key()
    host.publish(key)
    change_tenant(caller, tenant.id, Changes(client_keys=ClientKeys(jwks_uri=host.url)), fetching)
    ended, living = a_pair_by(key, tenant, fetching), a_pair(fetching, tenant)
    change_tenant(caller, tenant.id, Changes(client_keys=ClientKeys(jwks_uri=host.url)), fetching)
    ended = refresh_access(Refresh(ended.refresh_token or ""), fetching)

    new = {"a set": a_set(key), "another URL": ClientKeys(jwks_uri=URL), "withdrawn": None}[how]
    withdrawn = ["jwks_uri"] if new is None else []
    change_tenant(caller, tenant.id, Changes(client_keys=new, withdrawn=withdrawn), fetching)

    assert (lives(ended, fetching), lives(living, fetching)) == (False, True)


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("how", ["withdrawn", "replaced", "moved to a URL"])
def test_keys_that_were_withdrawn_after_the_proof_admit_nobody(tenant, tools, change, *, hold, how):
    """
    C13, I: an assertion that was verified a moment before its key was withdrawn opens nothing afterwards.
    """
    key = a_key()
    change(client_keys=a_set(key))
    presented = credential(key, tenant, tools)
    proven = steps.prove(presented, tools)

    withdrawn = ["jwks"] if how == "withdrawn" else []
    new = {"withdrawn": None, "replaced": a_set(a_key()), "moved to a URL": ClientKeys(jwks_uri=URL)}[how]
    change(client_keys=new, withdrawn=withdrawn)

    with tools.database.transaction() as connection, pytest.raises(InvalidClientError):
        steps.admit_client(connection, presented, proven, tools, now=tools.clock.now(), hold=hold)
