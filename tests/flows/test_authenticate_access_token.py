"""Who presents this access token? Verified from public keys, then held against the revocation of its session."""

import dataclasses
import json

import msgspec
import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

from app.domain.access_tokens import AccessClaims, mint
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refusals import AccessTokenExpiredError, InvalidAccessTokenError
from app.flows.results import Caller
from app.foundation.identifiers import new_id, parse_id, print_id
from tests.builders import ALL_SCOPES, a_pair, a_room


@pytest.fixture
def claims(tenant, tools):
    """What a good token of a living session says."""
    token = a_pair(tools, tenant).access_token
    return msgspec.convert(jwt.decode(token, tools.keyring.signer.key, algorithms=["RS256"]).claims, AccessClaims)


def refuses(presented, tools):
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(presented, tools)


def signed(header, claims, key):
    """Sign anything, as the server would not."""
    registry = jws.JWSRegistry(algorithms=["RS256", "PS256", "HS256"], strict_check_header=False)
    return jws.serialize_compact(header, msgspec.json.encode(claims), key, registry=registry)


def test_a_token_is_its_session(tenant, tools):
    """
    The caller may do what the token says, for its tenant, with the key that opened the session.
    """
    room_id = a_room(tools, tenant)

    caller = authenticate_access_token(a_pair(tools, tenant, room_id).access_token, tools)

    assert caller == Caller(
        kind="token",
        tenant_id=parse_id("tenant", tenant.id),
        key_id=tenant.api_key.split("_")[2],
        scope=ALL_SCOPES,
        room_id=parse_id("room", room_id),
        token=caller.token,
    )


def test_a_token_ends_at_its_exp(tenant, tools, clock):
    """
    D8: good until the last microsecond before `exp`, and told to be expired from then on.
    """
    pair = a_pair(tools, tenant)
    clock.step(seconds=3600, microseconds=-1 - clock.now().microsecond)
    assert authenticate_access_token(pair.access_token, tools).kind == "token"

    clock.step(microseconds=1)

    with pytest.raises(AccessTokenExpiredError):
        authenticate_access_token(pair.access_token, tools)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://evil.example"},
        {"sid": "ses_"},
        {"sid": print_id("ses", new_id())},
        {"tenant_id": "nonsense"},
        {"tenant_id": print_id("room", new_id())},
    ],
)
def test_each_claim_is_checked(tools, claims, change):
    """
    D8: issuer, audience, session and tenant must be right, even under our own signature.
    """
    changed = msgspec.structs.replace(claims, **change)

    assert authenticate_access_token(mint(claims, tools.keyring.signer), tools).kind == "token"
    refuses(mint(changed, tools.keyring.signer), tools)


@pytest.mark.parametrize("change", [{"exp": "4102444800"}, {"exp": True}, {"exp": None}, {"aud": ["x"]}, {"sub": 7}])
def test_a_claim_of_another_type_is_refused(tools, claims, change):
    """
    D9: strings are strings, and NumericDates are integers.
    """
    signer = tools.keyring.signer
    header = {"alg": "RS256", "typ": "at+jwt", "kid": signer.kid}

    refuses(signed(header, {**msgspec.to_builtins(claims), **change}, signer.key), tools)


@pytest.mark.parametrize(
    "change",
    [
        {"typ": "JWT"},
        {"typ": "rt+jwt"},
        {"alg": "PS256"},
        {"kid": "unknown"},
        {"crit": ["kid"]},
        {"jku": "https://evil.example"},
    ],
)
def test_each_part_of_the_header_is_checked(tools, claims, change):
    """
    D8, D9, D11: one algorithm, one type, a published key, and nothing else in the header.
    """
    signer = tools.keyring.signer
    header = {"alg": "RS256", "typ": "at+jwt", "kid": signer.kid, **change}

    refuses(signed(header, claims, signer.key), tools)


def test_a_foreign_signature_is_refused(tools, claims):
    """
    D9: another RSA key, the public key used as a shared secret, and no signature at all.
    """
    kid = tools.keyring.signer.kid
    stranger = dataclasses.replace(tools.keyring.signer, key=RSAKey.generate_key(2048, private=True, auto_kid=False))
    shared = OctKey.import_key(json.dumps(json.loads(tools.keyring.jwks)["keys"][0]).encode())
    good = mint(claims, tools.keyring.signer)

    refuses(mint(claims, stranger), tools)
    refuses(signed({"alg": "HS256", "typ": "at+jwt", "kid": kid}, claims, shared), tools)
    for presented in (good[:-1], good + "=", good.rpartition(".")[0] + ".", good.replace(".", "..", 1), "", "é" * 99):
        refuses(presented, tools)


def test_a_refresh_token_opens_nothing(tenant, tools):
    """
    D10: a refresh token does not pass for an access token.
    """
    refuses(a_pair(tools, tenant).refresh_token, tools)
