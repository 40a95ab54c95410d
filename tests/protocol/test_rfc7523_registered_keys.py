"""RFC 7523: the keys that a client registered, and what they verify."""

import json

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.assertions import ALGORITHMS, ClientKey, a_key, an_assertion, change, form, register
from tests.builders import a_tenant
from tests.forgery import b64, claims_of

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"


def ask(http, assertion, **more):
    return http.post(TOKEN, data=form(assertion, **more))


def assert_is_no_client(answer):
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), answer.text


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("alone", [True, False])
def test_a_registered_key_authenticates_its_client(http, tenant, clock, alg, alone):
    """
    I: RS256, PS256, ES256 and EdDSA work, by a key alone or among others, in every grant and at every endpoint.
    """
    key = a_key(alg)
    register(http, tenant, *([key] if alone else [a_key(each) for each in ALGORITHMS] + [key]))

    def sign():
        return an_assertion(key, tenant.id, clock.now())

    first = ask(http, sign(), scope="rooms:read offline_access").json
    second = ask(http, sign(), grant_type="refresh_token", refresh_token=first["refresh_token"]).json
    told = http.post(INTROSPECT, data=form(sign(), token=second["access_token"])).json
    revoked = http.post(REVOKE, data=form(sign(), token=second["refresh_token"]))

    claims = claims_of(second["access_token"])
    assert (claims["client_id"], claims["sub"], claims["scope"]) == (tenant.id, tenant.id, "rooms:read offline_access")
    assert told == {"active": True, "token_type": "Bearer", **claims}
    assert (revoked.status_code, revoked.json) == (200, {})
    inactive = http.post(INTROSPECT, data=form(sign(), token=second["access_token"]))
    assert inactive.json == {"active": False}


def test_the_tenant_shows_its_keys_and_replaces_them(http, tenant, clock):
    """
    I: what was registered is shown as it was given; a new set replaces the old one whole, null takes it back.
    """
    old, new = a_key("ES256"), a_key("EdDSA")
    register(http, tenant, old)
    shown = http.get(f"/api/v1/tenants/{tenant.id}", headers={"X-API-Key": tenant.api_key}).json["data"]
    register(http, tenant, new)

    assert (shown["jwks"], shown["jwks_uri"]) == ({"keys": [old.jwk]}, None)
    assert_is_no_client(ask(http, an_assertion(old, tenant.id, clock.now())))
    assert ask(http, an_assertion(new, tenant.id, clock.now())).status_code == 200
    change(http, tenant, jwks=None)
    assert_is_no_client(ask(http, an_assertion(new, tenant.id, clock.now())))


def test_only_the_clients_own_keys_count(http, tools, tenant, clock):
    """
    I, B8: a neighbour's key proves nothing, under its own kid or under ours; nor does it for a tenant without keys.
    """
    ours, theirs, other, keyless = a_key(), a_key(number=1), a_tenant(tools), a_tenant(tools)
    register(http, tenant, ours)
    register(http, other, theirs)
    disguised = ClientKey(theirs.alg, theirs.pair, ours.kid)

    for key in (theirs, disguised):
        assert_is_no_client(ask(http, an_assertion(key, tenant.id, clock.now())))
        assert_is_no_client(ask(http, an_assertion(key, keyless.id, clock.now())))
        # Signed by one client, and about another.
        assert_is_no_client(ask(http, an_assertion(key, other.id, clock.now(), sub=tenant.id)))
    assert ask(http, an_assertion(theirs, other.id, clock.now())).status_code == 200


@pytest.mark.parametrize("registered", ALGORITHMS)
@pytest.mark.parametrize("claimed", [*ALGORITHMS, "none", "HS256", "ES384", "RS512", "RSA-OAEP", "Ed25519"])
def test_the_algorithm_must_be_the_keys(http, tenant, clock, registered, claimed):
    """
    I: a header cannot talk a key into another algorithm, or into none, nor can a missing signature.
    """
    key = a_key(registered)
    register(http, tenant, key)
    signed = an_assertion(key, tenant.id, clock.now(), header={"alg": claimed})
    bare = signed.rpartition(".")[0] + "."

    assert ask(http, signed).status_code == (200 if registered == claimed else 401)
    assert_is_no_client(ask(http, bare))


@pytest.mark.parametrize(("bound", "other"), [("RS256", "PS256"), ("PS256", "RS256")])
def test_a_key_that_names_its_algorithm_has_no_other(http, tenant, clock, bound, other):
    """
    D11: with `alg` in its JWK, an RSA key verifies that one algorithm (RFC 8725 section 3.1).
    """
    key = a_key(bound)
    change(http, tenant, jwks={"keys": [{**key.jwk, "alg": bound, "use": "sig", "key_ops": ["verify"]}]})

    signed_otherwise = ClientKey(other, key.pair, key.kid)
    assert_is_no_client(ask(http, an_assertion(signed_otherwise, tenant.id, clock.now())))
    assert ask(http, an_assertion(key, tenant.id, clock.now())).status_code == 200


@pytest.mark.parametrize("secret", ["pem", "der", "jwk", "members", "point"])
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_public_key_is_no_shared_secret(http, tenant, clock, alg, secret):
    """
    I: HS256 with the public key as the secret, in whatever encoding, is 401 (RFC 8725 section 2.1).
    """
    key = a_key(alg)
    register(http, tenant, key)
    public, jwk = key.pair.public_key(), key.jwk
    encodings = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(jwk, separators=(",", ":")).encode(),
        "members": (jwk["n"] if alg == "RS256" else jwk["x"]).encode(),
        "point": b"",
    }
    head = an_assertion(key, tenant.id, clock.now(), header={"alg": "HS256"}).rpartition(".")[0]
    code = hmac.HMAC(encodings[secret], hashes.SHA256())
    code.update(head.encode())

    assert_is_no_client(ask(http, f"{head}.{b64(code.finalize())}"))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_that_comes_along_counts_for_nothing(http, tenant, clock, alg):
    """
    D9: a `jwk` in the header, also under a registered kid, does not verify the assertion that it stands in.
    """
    ours, strange = a_key(alg), a_key(alg, number=1)
    register(http, tenant, ours)
    for kid in (ours.kid, strange.kid):
        header = {"kid": kid, "jwk": strange.jwk}
        assert_is_no_client(ask(http, an_assertion(strange, tenant.id, clock.now(), header=header)))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_is_of_this_text_and_in_this_form(http, tenant, clock, alg):
    """
    I: a changed, borrowed, empty or differently encoded signature is 401, never 500.
    """
    key = a_key(alg)
    register(http, tenant, key)
    good, other = (an_assertion(key, tenant.id, clock.now()) for _ in range(2))
    head, _, signature = good.rpartition(".")
    zeros, short, long = (b64(bytes(count)) for count in (64, 63, 1024))
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]

    for wrong in (flipped, other.rpartition(".")[2], zeros, short, long, b64(b"\x30\x06\x02\x01\x01\x02\x01\x01")):
        assert_is_no_client(ask(http, f"{head}.{wrong}"))
    assert ask(http, good).status_code == 200
