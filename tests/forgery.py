"""Tokens as nobody should write them: for tests that hand them to the server, and expect a refusal."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from app.flows.tools import Tools

Json = dict[str, Any] | bytes


def b64(raw: bytes) -> str:
    """Print bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(segment: str) -> bytes:
    """Read base64url without padding."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def header_of(token: str) -> dict[str, Any]:
    """Read the header of a JWT, unverified."""
    read: dict[str, Any] = json.loads(unb64(token.partition(".")[0]))
    return read


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a JWT, unverified."""
    read: dict[str, Any] = json.loads(unb64(token.split(".")[1]))
    return read


def signing_input(header: Json, claims: Json) -> str:
    """Print the first two segments of a compact JWS; bytes are taken as they are."""
    return ".".join(b64(part if isinstance(part, bytes) else _compact(part)) for part in (header, claims))


def rs256(header: Json, claims: Json, key: RSAPrivateKey) -> str:
    """Sign with RSA, whatever the header says."""
    head = signing_input(header, claims)
    return f"{head}.{b64(key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def hs256(header: Json, claims: Json, key: bytes) -> str:
    """Sign with an HMAC, whatever the header says."""
    head = signing_input(header, claims)
    code = hmac.HMAC(key, hashes.SHA256())
    code.update(head.encode())
    return f"{head}.{b64(code.finalize())}"


def our_private_key(tools: Tools) -> RSAPrivateKey:
    """Give the server's own signing key: whatever it signs is refused for what it says, not for who signed it."""
    signer = tools.keyring.signer
    assert signer is not None
    key = signer.key.raw_value
    assert isinstance(key, RSAPrivateKey)
    return key


def _compact(part: dict[str, Any]) -> bytes:
    return json.dumps(part, separators=(",", ":")).encode()
