"""RFC 7523: a client that registered keys has no secret any more at /oauth, and every other door goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.assertions import a_key, an_assertion, change, form, register
from tests.builders import Tenant, a_tenant

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
REGISTER: dict[str, Callable[[], dict[str, Any]]] = {
    "jwks": lambda: {"jwks": {"keys": [a_key().jwk]}},
    "jwks_uri": lambda: {"jwks_uri": "https://keys.example/jwks.json"},
}


@pytest.fixture(params=REGISTER)
def barred(request, http, tenant):
    """A tenant whose client authenticates by private_key_jwt."""
    change(http, tenant, **REGISTER[request.param]())
    return tenant


def chalk(http, path, **body):
    return http.post(f"/api/v1/auth/{path}", json=body)


def by_secret(http, path, tenant, by, **form):
    form = {"grant_type": "client_credentials", "token": "x", **form}
    if by == "basic":
        return http.post(path, data=form, auth=(tenant.id, tenant.api_key))
    return http.post(path, data={**form, "client_id": tenant.id, "client_secret": tenant.api_key})


def assert_is_no_client(answer):
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), answer.text


@pytest.mark.parametrize("by", ["basic", "post"])
@pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
def test_the_secret_opens_no_oauth_endpoint(http, barred, by, path):
    """
    I: with keys registered, the right API key is no client secret: invalid_client at every endpoint.
    """
    assert_is_no_client(by_secret(http, path, barred, by))


@pytest.mark.parametrize("by", ["basic", "post"])
def test_a_refresh_is_no_way_around(http, tools, tenant, by):
    """
    I, C4: a session from before cannot be refreshed by secret at /oauth/token, and is not consumed by trying.
    """
    form_ = {"scope": "rooms:read offline_access"}
    token = by_secret(http, TOKEN, tenant, by, **form_).json["refresh_token"]
    register(http, tenant, a_key())

    refused = by_secret(http, TOKEN, tenant, by, grant_type="refresh_token", refresh_token=token)

    assert_is_no_client(refused)
    assert chalk(http, "refresh", refresh_token=token).status_code == 200


def test_an_assertion_beside_a_secret_is_one_too_many(http, tenant, clock):
    """
    A5: an assertion and a secret in one request are invalid_request at every endpoint, however right both are.
    """
    key = a_key()
    register(http, tenant, key)
    secret = {"client_id": tenant.id, "client_secret": tenant.api_key}

    for path in (TOKEN, REVOKE, INTROSPECT):
        in_form = http.post(path, data=form(an_assertion(key, tenant.id, clock.now()), token="x", **secret))
        in_header = http.post(
            path, data=form(an_assertion(key, tenant.id, clock.now()), token="x"), auth=(tenant.id, tenant.api_key)
        )
        both_secrets = http.post(path, data={"token": "x", **secret}, auth=(tenant.id, tenant.api_key))
        for answer in (in_form, in_header, both_secrets):
            assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    # None of them was looked at: the assertions may still be used.
    assert http.post(TOKEN, data=form(an_assertion(key, tenant.id, clock.now()))).status_code == 200


def test_chalk_json_goes_on_with_the_key(http, barred):
    """
    I: X-API-Key and /api/v1/auth/token take the API key as ever; a key by itself is no client's secret.
    """
    key = {"X-API-Key": barred.api_key}

    assert http.get(f"/api/v1/tenants/{barred.id}", headers=key).status_code == 200
    room = http.post("/api/v1/rooms", json={"name": "Lobby"}, headers=key).json["data"]["id"]
    pair = chalk(http, "token", api_key=barred.api_key).json["data"]
    assert http.get(f"/api/v1/rooms/{room}", headers={"Authorization": f"Bearer {pair['access_token']}"}).json["data"]
    assert chalk(http, "refresh", refresh_token=pair["refresh_token"]).status_code == 200


def test_a_rotated_key_does_not_become_a_secret_again(http, barred):
    """
    I: the successor of an API key is barred like the key itself, and so is one in its grace.
    """
    path, headers = f"/api/v1/tenants/{barred.id}/rotate-key", {"X-API-Key": barred.api_key}
    successor = http.post(path, json={"grace_period": 60}, headers=headers).json["data"]["api_key"]

    for key in (successor, barred.api_key):
        for by in ("basic", "post"):
            assert_is_no_client(by_secret(http, TOKEN, Tenant(barred.id, key), by))
        assert chalk(http, "token", api_key=key).status_code == 200


def test_the_bar_is_the_tenants_own(http, tools, barred):
    """
    I: nobody else's secret is affected.
    """
    other = a_tenant(tools)

    assert by_secret(http, TOKEN, other, "basic").status_code == 200


@pytest.mark.parametrize("which", REGISTER)
@pytest.mark.parametrize("by", ["basic", "post"])
def test_taking_the_keys_back_makes_it_a_secret_again(http, tenant, by, which):
    """
    PATCH /tenants/{id}: null takes its own field's registration back; the other field's null says what is so anyway.
    """
    change(http, tenant, **REGISTER[which]())

    (other,) = REGISTER.keys() - {which}
    change(http, tenant, **{other: None})
    assert_is_no_client(by_secret(http, TOKEN, tenant, by))

    change(http, tenant, **{which: None})
    assert by_secret(http, TOKEN, tenant, by).status_code == 200


def test_no_keys_no_assertions(http, tenant, clock):
    """
    I: a client that registered nothing cannot authenticate by assertion, and keeps its secret.
    """
    assert_is_no_client(http.post(TOKEN, data=form(an_assertion(a_key(), tenant.id, clock.now()))))
    assert by_secret(http, TOKEN, tenant, "basic").status_code == 200
