"""RFC 8414: what the server says of itself is true, and all of it works."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.builders import ALL_SCOPES, a_pair, a_room

ENDPOINTS = ("token", "revocation", "introspection")
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
META, TOKEN = "/.well-known/oauth-authorization-server", "/oauth/token"
# How a client presents itself, by the name that the metadata gives to the method.
PRESENT: dict[str, Callable[[Any], dict[str, Any]]] = {
    "client_secret_basic": lambda tenant: {"auth": (tenant.id, tenant.api_key), "data": {}},
    "client_secret_post": lambda tenant: {"data": {"client_id": tenant.id, "client_secret": tenant.api_key}},
    "none": lambda tenant: {"data": {"client_id": tenant.id}},
    # That it works with a registered key is shown in test_rfc7523_*.py; this client has registered none.
    "private_key_jwt_of_nobody": lambda tenant: {
        "data": {
            "client_id": tenant.id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "e30.e30.e30",
        }
    },
    "bearer": lambda tenant: {"headers": {"Authorization": f"Bearer {tenant.api_key}"}, "data": {}},
    "header": lambda tenant: {"headers": {"X-API-Key": tenant.api_key}, "data": {"client_id": tenant.id}},
}
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
REGISTERED_GRANTS = [
    "authorization_code",
    "client_credentials",
    "implicit",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    TOKEN_EXCHANGE,
]  # RFC 6749, 7523, 7522, 8628, 8693


def ask(http, tenant, method, **form):
    presented = PRESENT[method](tenant)
    return http.post(TOKEN, **{**presented, "data": {**presented["data"], **form}})


def test_the_metadata_says_what_there_is(http):
    """
    F1, F4, F6: exactly the members that are real, none of them empty, every URL under the issuer.
    """
    answer = http.get(META)

    issuer = "http://127.0.0.1:8000"
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json == {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        **{f"{endpoint}_endpoint_auth_methods_supported": METHODS for endpoint in ENDPOINTS},
        **{f"{endpoint}_endpoint_auth_signing_alg_values_supported": ALGORITHMS for endpoint in ENDPOINTS},
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials", "refresh_token", TOKEN_EXCHANGE],
        "scopes_supported": [*ALL_SCOPES.split(" "), "offline_access"],
        "service_documentation": f"{issuer}/docs",
        "protected_resources": [issuer],
    }
    assert all(value for value in answer.json.values())


@pytest.mark.parametrize("method", PRESENT)
@pytest.mark.parametrize("grant_type", REGISTERED_GRANTS)
def test_every_advertised_pair_works_and_every_other_fails(http, tools, tenant, method, grant_type):
    """
    F2, A10: a grant and an authentication method work together if, and only if, the metadata lists both.
    """
    document = http.get(META).json
    offered = grant_type in document["grant_types_supported"]
    known = method in document["token_endpoint_auth_methods_supported"]

    pair = a_pair(tools, tenant)
    more = {"refresh_token": pair.refresh_token, "username": "u", "password": "p", "code": "c"} | {
        "subject_token": pair.access_token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "room_id": a_room(tools, tenant),
        "display_name": "Ada",
    }
    answer = ask(http, tenant, method, grant_type=grant_type, **more)

    if offered and known:
        assert answer.status_code == 200
        assert answer.json["token_type"] == "Bearer"
    elif offered:
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    else:
        assert (answer.status_code, answer.json["error"]) == (400, "unsupported_grant_type")


def test_every_advertised_scope_is_granted_and_no_other(http, tenant):
    """
    F2: each scope of the metadata can be asked for by itself; what is absent is invalid_scope.
    """
    for scope in http.get(META).json["scopes_supported"]:
        answer = ask(http, tenant, "client_secret_basic", grant_type="client_credentials", scope=scope)
        assert (answer.status_code, answer.json["scope"]) == (200, scope)
    for scope in ("openid", "profile", "rooms:delete", "admin"):
        answer = ask(http, tenant, "client_secret_basic", grant_type="client_credentials", scope=scope)
        assert answer.json["error"] == "invalid_scope"


def test_every_advertised_url_answers(http, tenant):
    """
    F2: the token endpoint and the keys are where the metadata says.
    """
    document = http.get(META).json

    assert http.get(urlsplit(document["jwks_uri"]).path).json["keys"]
    form = {"grant_type": "client_credentials", "client_id": tenant.id, "client_secret": tenant.api_key}
    assert http.post(urlsplit(document["token_endpoint"]).path, data=form).status_code == 200


@pytest.mark.parametrize(
    "issuer", ["https://auth.example", "https://auth.example:8443/tenants/one", "https://a.example/~x"]
)
def test_the_issuer_is_the_settings_to_the_byte(make_app, tenant, issuer):
    """
    F1: the issuer is never normalised; its path stands after the well-known name (RFC 8414 section 3.1), nowhere else.
    """
    http = make_app(ISSUER=issuer).test_client()
    path = urlsplit(issuer).path

    answer = http.get(META + path)

    assert answer.status_code == 200
    assert answer.json["issuer"] == issuer
    assert answer.json["token_endpoint"] == f"{issuer}/oauth/token"
    assert answer.json["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
    for other in (f"{path}{META}", META, f"{META}{path}/"):
        assert http.get(other).status_code == (200 if other == META + path else 404)


def test_the_metadata_may_be_cached(http):
    """
    E4: like the keys, it has a max-age and an ETag that is honoured.
    """
    answer = http.get(META)

    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert http.get(META, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "path", ["openid-configuration", "oauth-protected-resource/x", "jwks", "oauth-authorization-server/x"]
)
def test_what_does_not_exist_is_not_there(http, path):
    """
    F6: no other well-known document is served that would have to be true.
    """
    assert http.get(f"/.well-known/{path}").status_code == 404
