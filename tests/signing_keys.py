"""Signing keys as tests look at them: their rows, what is published, and a verifier that is none of ours."""

import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from app.domain import signing_keys
from app.domain.signing_keys import KeyRecord
from app.flows.look_up import look_up_jwks
from app.flows.tools import Tools
from tests.forgery import header_of, unb64

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

Jwk = dict[str, Any]
Check = Callable[[Jwk, bytes, bytes], None]


def records(tools: Tools) -> list[KeyRecord]:
    """List every key there ever was, oldest first."""
    with tools.database.reading() as connection:
        return list(signing_keys.records(connection))


def record(tools: Tools, kid: str) -> KeyRecord:
    """Find one of them."""
    (found,) = [each for each in records(tools) if each.kid == kid]
    return found


def kids(tools: Tools, state: str) -> list[str]:
    """List the keys in a state, oldest first."""
    return [each.kid for each in records(tools) if each.state == state]


def the(tools: Tools, state: str) -> str:
    """Give the only key in a state."""
    (kid,) = kids(tools, state)
    return kid


def published(jwks: bytes) -> dict[str, Jwk]:
    """Read a JWK Set by `kid`, as a verifier does; E1: whatever is in it, nothing private is."""
    keys: list[Jwk] = json.loads(jwks)["keys"]
    for key in keys:
        assert not key.keys() & PRIVATE
        assert key.keys() >= {"kty", "kid", "use", "alg"}
    assert len({key["kid"] for key in keys}) == len(keys)
    return {key["kid"]: key for key in keys}


def published_by(tools: Tools) -> dict[str, Jwk]:
    """Ask a worker for its JWK Set."""
    return published(look_up_jwks(tools))


def verify(token: str, keys: dict[str, Jwk]) -> None:
    """
    Check a token's signature by bare arithmetic, and that its `alg` is the one of the published key.

    Raises:
        KeyError: its `kid` is not published.
        cryptography.exceptions.InvalidSignature: it was not made with that key.
    """
    header = header_of(token)
    key = keys[header["kid"]]
    assert header["alg"] == key["alg"]
    signed, _, signature = token.rpartition(".")
    _CHECKS[key["alg"]](key, unb64(signature), signed.encode())


def _number(text: str) -> int:
    return int.from_bytes(unb64(text))


def _rs256(key: Jwk, signature: bytes, signed: bytes) -> None:
    public = RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
    public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())


def _ps256(key: Jwk, signature: bytes, signed: bytes) -> None:
    public = RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
    public.verify(signature, signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def _es256(key: Jwk, signature: bytes, signed: bytes) -> None:
    assert (key["crv"], len(signature)) == ("P-256", 64)
    public = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1()).public_key()
    halves = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    public.verify(utils.encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))


def _ed25519(key: Jwk, signature: bytes, signed: bytes) -> None:
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
    Ed25519PublicKey.from_public_bytes(unb64(key["x"])).verify(signature, signed)


_CHECKS: dict[str, Check] = {"RS256": _rs256, "PS256": _ps256, "ES256": _es256, "Ed25519": _ed25519}
