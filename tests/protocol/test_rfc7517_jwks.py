"""RFC 7517: the published keys, from which alone anyone verifies an access token."""

import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.builders import a_pair, a_room
from tests.forgery import b64, claims_of, header_of, unb64

JWKS = "/.well-known/jwks.json"
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def published(http):
    return http.get(JWKS).json["keys"]


def test_only_public_members_are_published(http):
    """
    E1: each key has kty, kid, use, alg, n and e, and no private member; RSA of 2048 bits or more.
    """
    keys = published(http)

    assert len({key["kid"] for key in keys}) == len(keys) >= 1
    for key in keys:
        assert set(key) == {"kty", "kid", "use", "alg", "n", "e"}
        assert not set(key) & PRIVATE
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert int.from_bytes(unb64(key["n"])).bit_length() >= 2048
        assert int.from_bytes(unb64(key["e"])) == 65537


def test_a_kid_is_the_thumbprint_of_its_key(http, make_app):
    """
    CONTRACT 4, E1, E3: `kid` is the RFC 7638 thumbprint, the same from every process on the database.
    """
    for key in published(http):
        required = json.dumps({"e": key["e"], "kty": key["kty"], "n": key["n"]}, separators=(",", ":"))
        assert key["kid"] == b64(hashlib.sha256(required.encode()).digest())
    assert make_app().test_client().get(JWKS).data == http.get(JWKS).data


@pytest.mark.parametrize("room", [False, True])
def test_a_resource_server_verifies_tokens_from_the_keys_alone(http, tools, tenant, room):
    """
    D1, I9: with nothing but the JWKS, bare RSA arithmetic and an independent JWT library accept our tokens.
    """
    token = a_pair(tools, tenant, a_room(tools, tenant) if room else None).access_token
    document = http.get(JWKS).json
    (key,) = [key for key in document["keys"] if key["kid"] == header_of(token)["kid"]]
    public = rsa.RSAPublicNumbers(int.from_bytes(unb64(key["e"])), int.from_bytes(unb64(key["n"]))).public_key()
    signed, _, signature = token.rpartition(".")

    public.verify(unb64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    verified = jwt.decode(token, KeySet.import_key_set(document), algorithms=["RS256"])

    assert verified.claims == claims_of(token)
    with pytest.raises(InvalidSignature):
        public.verify(unb64(signature), signed.encode() + b"A", padding.PKCS1v15(), hashes.SHA256())


def test_a_refresh_token_verifies_with_no_published_key(http, tools, tenant):
    """
    CONTRACT 5, D10: no key of the set is the refresh token's, by name or by kind.
    """
    token = a_pair(tools, tenant).refresh_token
    assert token is not None
    header = header_of(token)

    assert (header["alg"], header["typ"]) == ("HS256", "rt+jwt")
    assert header["kid"] not in {key["kid"] for key in published(http)}
    assert all(key["kty"] != "oct" for key in published(http))


def test_verifiers_may_cache_the_keys_and_ask_again_cheaply(http):
    """
    E4: Cache-Control with the max-age, a strong ETag, and 304 without a body when nothing changed.
    """
    first = http.get(JWKS)

    assert first.status_code == 200
    assert first.content_type == "application/jwk-set+json"
    assert first.headers["Cache-Control"] == "public, max-age=300"
    etag = first.headers["ETag"]
    assert etag.startswith('"')
    for condition in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = http.get(JWKS, headers={"If-None-Match": condition})
        assert (again.status_code, again.data) == (304, b"")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (etag, "public, max-age=300")
    other = http.get(JWKS, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.data, other.headers["ETag"]) == (200, first.data, etag)
    assert http.head(JWKS).headers["ETag"] == etag


def test_the_max_age_is_a_setting(make_app):
    """
    CONTRACT 6: the time that verifiers may cache is what the operator set.
    """
    http = make_app(JWKS_MAX_AGE_SECONDS="60").test_client()

    assert http.get(JWKS).headers["Cache-Control"] == "public, max-age=60"


def test_the_keys_are_for_everyone(http, tenant):
    """
    E5, N: no credential is wanted or looked at, no cookie is set, and nothing redirects.
    """
    for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}, {"X-API-Key": tenant.api_key}):
        answer = http.get(JWKS, headers=headers)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
