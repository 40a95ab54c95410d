"""Client assertions (RFC 7523), as clients sign them and as nobody should; written without the server's own library."""

import functools
import itertools
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from flask.testing import FlaskClient

from tests.builders import Tenant
from tests.forgery import b64, signing_input

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISSUER = "http://127.0.0.1:8000"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

Pair = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
Json = dict[str, Any]

_numbers = itertools.count(1)


@dataclass(frozen=True)
class ClientKey:
    """A key pair of a client, the algorithm that it signs with, and the name under which it is published."""

    alg: str
    pair: Pair = field(repr=False)
    kid: str

    @property
    def jwk(self) -> Json:
        """Give the public half as a JWK, with nothing in it that need not be."""
        return {**_members(self.pair), "kid": self.kid}

    def sign(self, header: Json | bytes, claims: Json | bytes) -> str:
        """Sign as a compact JWS, whatever stands in the header; bytes are taken as they are."""
        head = signing_input(header, claims)
        return f"{head}.{b64(_signature(self, head.encode()))}"


def a_key(alg: str = "ES256", number: int = 0) -> ClientKey:
    """Give a client's key under a new `kid`; pairs are made once a run, since making RSA takes its time."""
    return ClientKey(alg, _pair("RSA" if alg in {"RS256", "PS256"} else alg, number), f"key-{next(_numbers)}")


def an_assertion(
    key: ClientKey, client_id: str, now: datetime, *, header: Json | None = None, without: str = "", **claims: Any
) -> str:
    """
    Sign a good assertion with a `jti` of its own, changed by what is given.

    `header` replaces members of the header, None takes one away; so do claims, and `without` leaves one out.
    """
    head = {"alg": key.alg, "typ": "client-authentication+jwt", "kid": key.kid, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    seconds = int(now.timestamp())
    usual = {"iss": client_id, "sub": client_id, "aud": ISSUER, "jti": uuid.uuid4().hex}
    said = {**usual, "iat": seconds, "exp": seconds + 60, **claims}
    return key.sign(head, {name: value for name, value in said.items() if name != without})


def form(assertion: str, **more: str) -> dict[str, str]:
    """Give the form of a request that authenticates with an assertion: for an access token, and whatever is added."""
    asked = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    return {**asked, "client_assertion": assertion, **more}


def jwks_of(*keys: ClientKey) -> str:
    """Print the public halves as a JWK Set."""
    return json.dumps({"keys": [key.jwk for key in keys]})


def register(http: FlaskClient, tenant: Tenant, *keys: ClientKey) -> None:
    """Register a tenant's keys, as the tenant does."""
    change(http, tenant, jwks={"keys": [key.jwk for key in keys]})


def change(http: FlaskClient, tenant: Tenant, **fields: Any) -> None:
    """Change a tenant, as the tenant does."""
    answer = http.patch(f"/api/v1/tenants/{tenant.id}", json=fields, headers={"X-API-Key": tenant.api_key})
    assert answer.status_code == 200, answer.text


@functools.cache
def _pair(kind: str, _number: int) -> Pair:
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else Ed25519PrivateKey.generate()


def _members(pair: Pair) -> Json:
    if isinstance(pair, RSAPrivateKey):
        public = pair.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(public.n), "e": _number(public.e)}
    if isinstance(pair, EllipticCurvePrivateKey):
        point, size = pair.public_key().public_numbers(), (pair.curve.key_size + 7) // 8
        names = {"secp256r1": "P-256", "secp384r1": "P-384", "secp256k1": "secp256k1"}
        x, y = (b64(number.to_bytes(size)) for number in (point.x, point.y))
        return {"kty": "EC", "crv": names[pair.curve.name], "x": x, "y": y}
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().public_bytes_raw())}


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def _signature(key: ClientKey, signed: bytes) -> bytes:
    match key.pair:
        case RSAPrivateKey() if key.alg == "PS256":
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return key.pair.sign(signed, scheme, hashes.SHA256())
        case RSAPrivateKey():
            return key.pair.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        case EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.pair.sign(signed, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        case Ed25519PrivateKey():
            return key.pair.sign(signed)
