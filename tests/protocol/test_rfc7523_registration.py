"""RFC 7523: which keys a client may register, and who may register them."""

import functools
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.assertions import ClientKey, a_key, an_assertion, form
from tests.builders import Tenant, a_tenant
from tests.forgery import b64

TOKEN = "/oauth/token"


def patch(http, tenant, **fields):
    return http.patch(f"/api/v1/tenants/{tenant.id}", json=fields, headers={"X-API-Key": tenant.api_key})


def jwk_of(public):
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        n, e = (b64(each.to_bytes((each.bit_length() + 7) // 8)) for each in (numbers.n, numbers.e))
        return {"kty": "RSA", "n": n, "e": e, "kid": "k"}
    crv = "Ed448" if isinstance(public, ed448.Ed448PublicKey) else "X25519"
    return {"kty": "OKP", "crv": crv, "x": b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw)), "kid": "k"}


NO_NAMES: list[Any] = [None, 5, [], {}]


@functools.cache
def refused_sets():
    rs, es, ed = (a_key(alg).jwk for alg in ("RS256", "ES256", "EdDSA"))
    short = rsa.generate_private_key(65537, 1024).public_key()
    padded = {**jwk_of(short), "n": b64(bytes(128) + short.public_numbers().n.to_bytes(128))}
    p384 = ClientKey("ES384", ec.generate_private_key(ec.SECP384R1()), "k").jwk
    return {
        "no set": {},
        "keys is null": {"keys": None},
        "keys is an object": {"keys": {"a": es}},
        "keys is a text": {"keys": "abc"},
        "keys hold no objects": {"keys": [1, "x", None]},
        "empty": {"keys": []},
        "a bare key": es,
        "twenty-one": {"keys": [a_key().jwk for _ in range(21)]},
        "a kid twice": {"keys": [es, {**ed, "kid": es["kid"]}]},
        "one of two is bad": {"keys": [es, {"kty": "oct", "k": "AAAA", "kid": "k"}]},
        "a short RSA key": {"keys": [jwk_of(short)]},
        "a short RSA key, padded": {"keys": [padded]},
        "another curve": {"keys": [p384]},
        "for agreement": {"keys": [jwk_of(x25519.X25519PrivateKey.generate().public_key())]},
        "Ed448": {"keys": [jwk_of(ed448.Ed448PrivateKey.generate().public_key())]},
        "off the curve": {"keys": [{**es, "y": es["x"]}]},
        "no base64": {"keys": [{**es, "x": "!" * 43}]},
        "e is one": {"keys": [{**rs, "e": "AQ"}]},
        "n is empty": {"keys": [{**rs, "n": ""}]},
        "no kty": {"keys": [{name: es[name] for name in es if name != "kty"}]},
        "no kid": {"keys": [{name: es[name] for name in es if name != "kid"}]},
        **{f"kid is {kid!r}": {"keys": [{**es, "kid": kid}]} for kid in NO_NAMES},
        "kid is endless": {"keys": [{**es, "kid": "k" * 256}]},
        "kid holds a NUL": {"keys": [{**es, "kid": "a\0b"}]},
        **{f"private by {name}": {"keys": [{**rs, name: "AAAA"}]} for name in ("d", "p", "q", "dp", "dq", "qi", "k")},
        "private by oth": {"keys": [{**rs, "oth": []}]},
        **{f"use is {use!r}": {"keys": [{**es, "use": use}]} for use in ("enc", "", None, 5, ["sig"])},
        **{f"alg is {alg!r}": {"keys": [{**es, "alg": alg}]} for alg in ("HS256", "RS256", "ES384", "", "x", None, 5)},
        "not for verifying": {"keys": [{**es, "key_ops": ["encrypt"]}]},
    }


@pytest.mark.parametrize("which", refused_sets())
def test_a_set_that_could_not_work_is_refused_whole(http, tenant, which):
    """
    I: private, symmetric, weak, foreign or doubtful keys are 400 where they are registered, and change nothing.
    """
    answer = patch(http, tenant, jwks=refused_sets()[which])

    assert answer.status_code == 400, answer.text
    assert answer.json["error"]["code"] == "VALIDATION_ERROR"
    assert [detail["field"] for detail in answer.json["error"]["details"]] == ["jwks"]
    secret = http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(tenant.id, tenant.api_key))
    assert secret.status_code == 200


def test_a_set_and_a_url_exclude_each_other(http, tenant):
    """
    RFC 7591 section 2: jwks and jwks_uri do not stand beside each other; registering one replaces the other.
    """
    keys, url = {"keys": [a_key().jwk]}, "https://keys.example/jwks.json"

    assert patch(http, tenant, jwks=keys, jwks_uri=url).status_code == 400
    for given, other in (({"jwks": keys}, "jwks_uri"), ({"jwks_uri": url}, "jwks")):
        shown = patch(http, tenant, **given).json["data"]
        assert {name: shown[name] for name in (*given, other)} == {**given, other: None}
    assert patch(http, tenant, jwks=keys, jwks_uri=None).json["data"]["jwks"] == keys
    assert patch(http, tenant, name="Other").json["data"]["jwks"] == keys


def test_nobody_registers_keys_for_another(http, tools, tenant, clock):
    """
    B8: a neighbour, or nobody at all, cannot plant a key, and learns nothing of ours.
    """
    planted, stranger = a_key(), a_tenant(tools)
    keys = {"keys": [planted.jwk]}

    assert patch(http, Tenant(tenant.id, stranger.api_key), jwks=keys).status_code == 404
    assert http.patch(f"/api/v1/tenants/{tenant.id}", json={"jwks": keys}).status_code == 401

    answer = http.post(TOKEN, data=form(an_assertion(planted, tenant.id, clock.now())))
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
