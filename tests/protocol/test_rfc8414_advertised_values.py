"""RFC 8414: a loop over the metadata itself: every value in it is driven and works, every value that is not fails."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.assertions import ALGORITHMS, ASSERTION_TYPE, ISSUER, a_key, an_assertion, form, register
from tests.builders import a_room, a_tenant
from tests.forgery import b64

META = "/.well-known/oauth-authorization-server"
ENDPOINTS = ["token", "revocation", "introspection"]
# RFC 7591 section 2, RFC 8705, RFC 9449's neighbours, and what other servers know: by name, how it is presented.
METHODS = [
    *("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"),
    *("tls_client_auth", "self_signed_tls_client_auth", "attest_jwt_client_auth", "bearer"),
]
ALGS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K"),
    *("EdDSA", "Ed25519", "Ed448", "HS256", "HS384", "HS512", "none"),
]
GRANTS = [
    *("client_credentials", "refresh_token", "authorization_code", "implicit", "password", "hybrid", "device_code"),
    *(f"urn:ietf:params:oauth:grant-type:{name}" for name in ("jwt-bearer", "saml2-bearer", "device_code")),
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba",
    "urn:chalk:params:oauth:grant-type:api-key",
]


class Party:
    """A tenant with a key pair beside its secret; it registers the pair when it first signs with it."""

    def __init__(self, http, tools, clock):
        self.http, self.tools, self.clock = http, tools, clock
        self.tenant, self.signing = a_tenant(tools), a_tenant(tools)
        self.keys = {alg: a_key(alg) for alg in ALGORITHMS}
        register(http, self.signing, *self.keys.values())

    def assertion(self, alg="ES256"):
        """A good assertion; for an algorithm that we cannot sign with, one that says so and is signed otherwise."""
        key = self.keys.get(alg, self.keys["ES256" if alg.startswith("E") else "RS256"])
        return an_assertion(key, self.signing.id, self.clock.now(), header={"alg": alg})

    def secret_jwt(self):
        """An assertion signed by HMAC with the API key, as client_secret_jwt has it."""
        tenant = self.tenant
        code = an_assertion(self.keys["ES256"], tenant.id, self.clock.now(), header={"alg": "HS256", "kid": None})
        return f"{code.rpartition('.')[0]}.{b64(bytes(32))}"


PRESENT: dict[str, Callable[[Party], dict[str, Any]]] = {
    "client_secret_basic": lambda party: {"auth": (party.tenant.id, party.tenant.api_key)},
    "client_secret_post": lambda party: {"data": {"client_id": party.tenant.id, "client_secret": party.tenant.api_key}},
    "client_secret_jwt": lambda party: {"data": form(party.secret_jwt())},
    "private_key_jwt": lambda party: {"data": form(party.assertion())},
    "none": lambda party: {"data": {"client_id": party.tenant.id}},
    "tls_client_auth": lambda party: {
        "data": {"client_id": party.tenant.id},
        "headers": {"X-SSL-Client-Verify": "SUCCESS", "X-Forwarded-Client-Cert": "Subject=x", "Client-Cert": ":AA==:"},
        "environ_overrides": {"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": f"CN={party.tenant.id}"},
    },
    "self_signed_tls_client_auth": lambda party: {
        "data": {"client_id": party.signing.id},
        "headers": {"Client-Cert": f":{base64.b64encode(b'x').decode()}:"},
    },
    "attest_jwt_client_auth": lambda party: {
        "data": {"client_id": party.signing.id},
        "headers": {"OAuth-Client-Attestation": party.assertion(), "OAuth-Client-Attestation-PoP": party.assertion()},
    },
    "bearer": lambda party: {"headers": {"Authorization": f"Bearer {party.assertion()}"}},
}


@pytest.fixture
def document(http):
    """The metadata."""
    found = http.get(META).json
    assert isinstance(found, dict)
    return found


@pytest.fixture
def party(http, tools, clock):
    """Somebody who can present themselves in every way."""
    return Party(http, tools, clock)


def call(http, url, presented, **fields):
    """POST a form to an advertised URL."""
    path = urlsplit(url).path
    sent = {"content_type": "application/x-www-form-urlencoded", **presented}
    return http.post(path, **{**sent, "data": {**fields, **presented.get("data", {})}})


def test_nothing_is_advertised_that_this_file_does_not_drive(document):
    """
    F2, F4, F6: a new member of the document fails here until it is driven below; none is empty, all URLs are ours.
    """
    per_endpoint = [f"{name}_endpoint{rest}" for name in ENDPOINTS for rest in (
        "", "_auth_methods_supported", "_auth_signing_alg_values_supported"
    )]  # fmt: skip
    single = ["issuer", "jwks_uri", "grant_types_supported", "scopes_supported"]

    assert set(document) == {*per_endpoint, *single, "service_documentation", "protected_resources"}
    assert all(document.values())
    assert document["issuer"] == ISSUER
    for name, value in document.items():
        if name.endswith(("_endpoint", "_uri", "_documentation")):
            assert value.startswith(ISSUER + "/")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_method_works_exactly_where_it_is_advertised(http, document, party, endpoint, method):
    """
    F2: each endpoint authenticates by each of its advertised methods, and by no other that there is.
    """
    advertised = method in document[f"{endpoint}_endpoint_auth_methods_supported"]
    presented = PRESENT[method](party)

    fields = {"grant_type": "client_credentials", "token": "x"}
    answer = call(http, document[f"{endpoint}_endpoint"], presented, **fields)

    if advertised:
        assert answer.status_code == 200, answer.text
    else:
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_algorithm_works_exactly_where_it_is_advertised(http, document, party, endpoint, alg):
    """
    F2, I: each endpoint takes assertions by each of its advertised algorithms, and by no other registered one.
    """
    advertised = alg in document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]

    fields = {"grant_type": "client_credentials", "token": "x"}
    answer = call(http, document[f"{endpoint}_endpoint"], {"data": form(party.assertion(alg))}, **fields)

    if advertised:
        assert answer.status_code == 200, answer.text
    else:
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
@pytest.mark.parametrize("grant_type", GRANTS)
def test_a_grant_works_exactly_when_it_is_advertised(http, document, party, grant_type, method):
    """
    F2, A10: advertised grants give tokens by every method; all others are unsupported_grant_type, whatever they bring.
    """
    owner = party.signing if method == "private_key_jwt" else party.tenant
    pair = http.post("/api/v1/auth/token", json={"api_key": owner.api_key}).json["data"]
    brought = {
        "refresh_token": pair["refresh_token"],
        "code": "x",
        "redirect_uri": "https://x.example",
        "device_code": "x",
        "username": "u",
        "password": "p",
        "api_key": owner.api_key,
        "assertion": pair["access_token"],
        "subject_token": pair["access_token"],
        "auth_req_id": "x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "room_id": a_room(party.tools, owner),
        "display_name": "Ada",
    }
    presented = PRESENT[method](party)
    presented.get("data", {}).pop("grant_type", None)

    answer = call(http, document["token_endpoint"], presented, grant_type=grant_type, **brought)

    if grant_type in document["grant_types_supported"]:
        assert (answer.status_code, answer.json["token_type"]) == (200, "Bearer")
    else:
        assert (answer.status_code, answer.json["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("method", ["client_secret_basic", "private_key_jwt"])
def test_a_scope_is_granted_exactly_when_it_is_advertised(http, document, party, method):
    """
    F2: each advertised scope alone, and all of them together; no other, also not beside a good one.
    """

    def ask(scope):
        data = {"grant_type": "client_credentials", "scope": scope}
        return call(http, document["token_endpoint"], PRESENT[method](party), **data)

    supported = document["scopes_supported"]
    for scope in [*supported, " ".join(supported)]:
        assert ask(scope).json["scope"] == scope
    for other in ("openid", "admin", "rooms", "rooms:", "rooms:*", "*", "ROOMS:READ", "rooms:delete", "rooms:read,x"):
        for scope in (other, f"{supported[0]} {other}"):
            assert ask(scope).json["error"] == "invalid_scope"


def test_the_other_urls_lead_where_they_say(http, document, party):
    """
    F2, F7: the keys verify what the token endpoint gives, the page is there, and the resource names this server.
    """
    keys = http.get(urlsplit(document["jwks_uri"]).path).json["keys"]
    presented = PRESENT["client_secret_basic"](party)
    token = call(http, document["token_endpoint"], presented, grant_type="client_credentials").json["access_token"]
    header = base64.urlsafe_b64decode(token.partition(".")[0] + "==").decode()

    assert any(f'"{key["kid"]}"' in header for key in keys)
    assert http.get(urlsplit(document["service_documentation"]).path).status_code == 200
    for resource in document["protected_resources"]:
        described = http.get("/.well-known/oauth-protected-resource" + urlsplit(resource).path).json
        assert (described["resource"], described["authorization_servers"]) == (resource, [document["issuer"]])


@pytest.mark.parametrize(
    "path", ["authorize", "device_authorization", "par", "register", "userinfo", "logout", "bc-authorize", "jwks"]
)
def test_endpoints_that_are_not_advertised_are_not_there(http, path):
    """
    F6: nothing is served under /oauth that the document does not name.
    """
    for method in ("GET", "POST"):
        assert http.open(f"/oauth/{path}", method=method, data={"client_id": "x"}).status_code == 404


def test_the_assertion_type_is_the_only_one(http, document, party):
    """
    F2: private_key_jwt is one type of assertion; SAML, or none at all, is refused.
    """
    for kind in ("", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", ASSERTION_TYPE + " "):
        sent = form(party.assertion(), client_assertion_type=kind)
        assert call(http, document["token_endpoint"], {"data": sent}).status_code == 401
