"""
The least that an issue and a rotation can be made of here: granian, psycopg, one statement, one signature.

No tenant, no limit, no log, no audit, no refusal that says why: it tells what is possible, not what would do.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

import psycopg
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER = "https://auth.example.com"
PEPPER = b"a pepper of the floor"
TABLES = """
CREATE TABLE keys (id text PRIMARY KEY, mac bytea NOT NULL);
CREATE TABLE families (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), key_id text NOT NULL, generation int NOT NULL)
    WITH (fillfactor = 80);
"""
_ISSUE = """
INSERT INTO families (key_id, generation) SELECT id, 0 FROM keys WHERE id = %s AND mac = %s RETURNING id
"""
_ROTATE = """
UPDATE families SET generation = generation + 1 WHERE id = %s AND generation = %s RETURNING id, generation
"""

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Floor:
    """A WSGI application with one connection to its database."""

    def __init__(self) -> None:
        self._database = psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True, prepare_threshold=0)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._header = _segment(json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": "floor"}).encode())

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request for a token, or with the keys."""
        if environ["REQUEST_METHOD"] == "GET":
            content: object = {"keys": [self._public()]}
        else:
            content = self._token(environ)
        body = json.dumps(content).encode()
        status = "200 OK" if content else "400 Bad Request"
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _token(self, environ: dict[str, Any]) -> dict[str, str] | None:
        form = dict(parse_qsl(environ["wsgi.input"].read().decode()))
        if form["grant_type"] == "client_credentials":
            client, _, secret = base64.b64decode(environ["HTTP_AUTHORIZATION"][6:]).decode().partition(":")
            found = self._database.execute(_ISSUE, (client, mac(secret.encode()))).fetchone()
            return {"access_token": self._signed(str(found[0]))} if found else None
        family, generation, proof = form["refresh_token"].split(".")
        if not hmac.compare_digest(proof, _proof(family, generation)):
            return None
        found = self._database.execute(_ROTATE, (family, int(generation))).fetchone()
        if found is None:
            return None
        return {"access_token": self._signed(family), "refresh_token": refresh_token(family, found[1])}

    def _signed(self, session: str) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": ISSUER, "sub": "floor", "client_id": "floor", "iat": now, "exp": now + 3600}
        claims |= {"jti": secrets.token_urlsafe(16), "scope": "rooms:read", "sid": session}
        signed = self._header + b"." + _segment(json.dumps(claims).encode())
        return (signed + b"." + _segment(self._key.sign(signed, padding.PKCS1v15(), SHA256()))).decode()

    def _public(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        n, e = (_segment(value.to_bytes((value.bit_length() + 7) // 8)).decode() for value in (numbers.n, numbers.e))
        return {"kty": "RSA", "kid": "floor", "alg": "RS256", "n": n, "e": e}


def mac(secret: bytes) -> bytes:
    """Give what is stored of a secret."""
    return hmac.digest(PEPPER, secret, "sha256")


def refresh_token(family: str, generation: int) -> str:
    """Print the refresh token of a generation."""
    return f"{family}.{generation}.{_proof(family, str(generation))}"


def _proof(family: str, generation: str) -> str:
    return hmac.new(PEPPER, f"{family}.{generation}".encode(), hashlib.sha256).hexdigest()


def _segment(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def create_app() -> Floor:
    """Build it."""
    return Floor()
