"""RFC 7518 section 3.1, RFC 9864 section 2.2: the algorithms that access tokens are signed with, one for each key."""

import dataclasses

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.domain.access_tokens import mint
from app.domain.access_tokens.claims import AccessClaims
from app.entrypoints.wiring import wiring_of
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refusals import InvalidAccessTokenError
from app.flows.tend_signing_keys import tend_signing_keys
from tests.builders import a_pair, a_tenant
from tests.forgery import claims_of, header_of, unb64
from tests.signing_keys import published, verify

KINDS = [
    ("RS256", "RS256", {"kty", "n", "e"}, 2048),
    ("RS256-3072", "RS256", {"kty", "n", "e"}, 3072),
    ("RS256-4096", "RS256", {"kty", "n", "e"}, 4096),
    ("PS256", "PS256", {"kty", "n", "e"}, 2048),
    ("ES256", "ES256", {"kty", "crv", "x", "y"}, None),
    ("Ed25519", "Ed25519", {"kty", "crv", "x"}, None),
]


@pytest.mark.parametrize(("kind", "alg", "members", "bits"), KINDS, ids=[kind[0] for kind in KINDS])
def test_each_kind_signs_and_anyone_verifies(start, kind, alg, members, bits):
    """
    D1, E1: chosen by one setting; the JWKS alone suffices for bare arithmetic and for an independent library, and only
    public members are in it.
    """
    app = start(SIGNING_ALGORITHM=kind)
    http, tools = app.test_client(), wiring_of(app).tools
    tenant = a_tenant(tools)
    token = a_pair(tools, tenant).access_token
    answer = http.get("/.well-known/jwks.json")
    keys = published(answer.data)

    assert (header_of(token)["alg"], len(keys)) == (alg, 2)
    for key in keys.values():
        assert key.keys() == members | {"kid", "use", "alg"}
        assert (key["use"], key["alg"]) == ("sig", alg)
        assert bits is None or int.from_bytes(unb64(key["n"])).bit_length() == bits
    verify(token, keys)
    decoded = jwt.decode(token, KeySet.import_key_set(answer.json), algorithms=[alg])
    assert decoded.claims == claims_of(token)
    assert http.get("/api/v1/rooms", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(("alg", "other"), [("RS256", "PS256"), ("PS256", "RS256")])
def test_a_key_verifies_its_own_algorithm_and_no_other(worker, alg, other):
    """
    D11, RFC 8725 section 3.1: a good signature of a good key under another algorithm that fits it is refused.
    """
    tools = worker(SIGNING_ALGORITHM=alg)
    claims = AccessClaims(**claims_of(a_pair(tools, a_tenant(tools)).access_token))
    signer = tools.keyring.signer
    assert signer is not None

    assert authenticate_access_token(mint(claims, signer), tools).kind == "token"
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(mint(claims, dataclasses.replace(signer, alg=other)), tools)


def test_a_change_of_algorithm_keeps_every_token(start, clock):
    """
    E2, D11: published, waited for, signing; tokens of both algorithms verify from what was cached before.
    """
    old, new = (wiring_of(start(SIGNING_ALGORITHM=kind)).tools for kind in ("ES256", "Ed25519"))
    tenant = a_tenant(old)
    tend_signing_keys(old)
    clock.step(days=1)
    before = a_pair(old, tenant).access_token
    tend_signing_keys(new)
    cached = published(new.keyring.jwks)
    clock.step(seconds=659)
    tend_signing_keys(new)
    assert header_of(a_pair(new, tenant).access_token)["alg"] == "ES256"

    clock.step(seconds=1)
    tend_signing_keys(new)

    after = a_pair(new, tenant).access_token
    assert header_of(after)["alg"] == "Ed25519"
    for token in (before, after):
        verify(token, cached)
        verify(token, published(new.keyring.jwks))
        assert authenticate_access_token(token, new).kind == "token"
