"""Exchanging an API key: what the tokens say, and who does not get any."""

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.end_room import end_room
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    InvalidApiKeyError,
    InvalidScopeError,
    NotFoundError,
    RoomEndedError,
    TenantSuspendedError,
)
from app.flows.results import Changes
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from tests.builders import ALL_SCOPES, a_pair, a_room, a_tenant


def decoded(access_token, tools):
    """Verify as a resource server does, with nothing but the published keys."""
    keys = KeySet.import_key_set(json.loads(tools.keyring.jwks))
    return jwt.decode(access_token, keys, algorithms=["RS256"])


def exchange(tenant, tools, **wanted):
    return exchange_api_key(Exchange(Credential(secret=tenant.api_key), **wanted), tools)


def test_the_access_token_says_what_rfc_9068_asks(tenant, tools, clock):
    """
    D1, D2, D4, D6, D7: typ, kid and exactly the claims of the list, with a life of an hour.
    """
    pair = a_pair(tools, tenant)

    token = decoded(pair.access_token, tools)
    assert token.header == {"alg": "RS256", "typ": "at+jwt", "kid": tools.keyring.signer.kid}
    claims = dict(token.claims)
    assert len(claims.pop("jti")) >= 22
    assert claims.pop("sid").startswith("ses_")
    assert claims == {
        "iss": tools.http.issuer,
        "aud": tools.http.issuer,
        "sub": tenant.id,
        "client_id": tenant.id,
        "tenant_id": tenant.id,
        "key_id": "key_" + tenant.api_key.split("_")[2],
        "scope": ALL_SCOPES,
        "iat": int(clock.now().timestamp()),
        "exp": int(clock.now().timestamp()) + 3600,
    }
    assert pair.expires_in == 3600


def test_no_two_access_tokens_are_the_same(tenant, tools):
    """
    I8, D6: every one has a jti of its own, also within one moment and one session.
    """
    first = a_pair(tools, tenant)
    second = refresh_access(Refresh(first.refresh_token or ""), tools)
    third = a_pair(tools, tenant)

    claims = [decoded(pair.access_token, tools).claims for pair in (first, second, third)]
    assert len({each["jti"] for each in claims}) == 3
    assert claims[0]["sid"] == claims[1]["sid"] != claims[2]["sid"]


def test_a_refresh_token_is_given_to_whoever_asks_for_one(tenant, tools):
    """
    RFC 6749 section 4.4.3: a client gets a refresh token with the scope `offline_access`, and not without.
    """
    assert exchange(tenant, tools).refresh_token is None
    assert exchange(tenant, tools, scope="rooms:read").refresh_token is None
    assert exchange(tenant, tools, scope="rooms:read offline_access").refresh_token is not None
    assert exchange(tenant, tools, offline=True).refresh_token is not None
    assert exchange(tenant, tools, scope="rooms:read offline_access", offline=False).refresh_token is None


def test_the_refresh_token_is_no_access_token(tenant, tools):
    """
    D10: a resource server that verifies with the published keys can never take one for an access token.
    """
    header, _, _ = (a_pair(tools, tenant).refresh_token or "").split(".")

    read = json.loads(base64.urlsafe_b64decode(header + "=="))
    assert (read["alg"], read["typ"]) == ("HS256", "rt+jwt")
    assert read["kid"] not in tools.keyring.jwks.decode()


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (None, ALL_SCOPES),
        ("rooms:write rooms:read", "rooms:read rooms:write"),
        ("rooms:read rooms:read", "rooms:read"),
        ("rooms:write", "rooms:write"),
    ],
)
def test_a_scope_is_what_was_asked_or_all_there_is(tenant, tools, asked, granted):
    """
    A14: order and repetition say nothing; without any, the token holds all that the key does but `offline_access`.
    """
    pair = exchange(tenant, tools, scope=asked)

    assert pair.scope == authenticate_access_token(pair.access_token, tools).scope == granted


@pytest.mark.parametrize("asked", ["", "rooms:read admin", "admin"])
def test_a_scope_that_the_key_does_not_hold_is_refused(tenant, tools, asked):
    """
    A14: never widened, and never silently narrowed.
    """
    with pytest.raises(InvalidScopeError):
        exchange(tenant, tools, scope=asked)


def test_a_token_may_be_bound_to_one_room(tenant, tools):
    """
    CONTRACT 4: the claim names the room, and refreshing keeps it.
    """
    room_id = a_room(tools, tenant)
    first = a_pair(tools, tenant, room_id)
    second = refresh_access(Refresh(first.refresh_token or ""), tools)

    assert [decoded(pair.access_token, tools).claims["room_id"] for pair in (first, second)] == [room_id, room_id]
    assert "room_id" not in decoded(a_pair(tools, tenant).access_token, tools).claims


def test_a_room_must_be_the_tenants_own_and_open(tenant, tools):
    """
    B8, B10: a foreign room is answered like a missing one; an ended one binds nothing any more.
    """
    foreign = a_room(tools, a_tenant(tools, "Foreign"))
    missing = foreign[:-4] + ("0000" if foreign[-4:] != "0000" else "1111")
    ended = a_room(tools, tenant)
    end_room(authenticate_api_key(tenant.api_key, tools), ended, tools)

    for room_id in (foreign, missing, "room_", "nonsense", tenant.id):
        with pytest.raises(NotFoundError):
            a_pair(tools, tenant, room_id)
    with pytest.raises(RoomEndedError):
        a_pair(tools, tenant, ended)


def test_only_a_tenants_living_key_is_exchanged(tenant, tools, admin_key):
    """
    B3, B10: an operator's key, another client's, and whatever is no key at all get the same refusal.
    """
    foreign = a_tenant(tools, "Foreign")

    for key, client in [
        (admin_key, None),
        (tenant.api_key, foreign.id),
        (tenant.api_key, ""),
        (tenant.api_key[:-1], None),
        ("", None),
        ("nonsense", None),
    ]:
        with pytest.raises(InvalidApiKeyError):
            exchange_api_key(Exchange(Credential(client, key)), tools)

    assert exchange_api_key(Exchange(Credential(tenant.id, tenant.api_key)), tools).access_token


def test_a_suspended_tenant_gets_no_tokens(tenant, tools, admin_key):
    """
    B10: paused is paused, for every grant.
    """
    change_tenant(authenticate_api_key(admin_key, tools), tenant.id, Changes(suspended=True), tools)

    with pytest.raises(TenantSuspendedError):
        a_pair(tools, tenant)


def test_a_key_in_its_grace_is_exchanged_and_told(tenant, tools, clock):
    """
    B5: the old key works until the end of its grace, and every answer says when that is.
    """
    assert a_pair(tools, tenant).key_rotating_until is None
    rotate_api_key(authenticate_api_key(tenant.api_key, tools), tenant.id, 60, "routine", tools)

    told = a_pair(tools, tenant).key_rotating_until

    assert told is not None
    assert (told - clock.now()).total_seconds() == 60


def test_an_exchange_prints_without_its_key(tenant):
    """
    B2: what is asked for may be printed; the key is not in it.
    """
    assert tenant.api_key not in repr(Exchange(Credential(secret=tenant.api_key)))
