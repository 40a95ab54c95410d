"""
Private keys at rest: JWEs (dir, A256GCM) under the wrapping key, which is derived from the master key.

Source: RFC 7516; RFC 7518 sections 4.5 and 5.3.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jwk import import_key as import_jwk

from app.foundation.errors import ConfigurationError

_ALGORITHMS = ["dir", "A256GCM"]
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True)
class WrappingKey:
    """The key that wraps private keys; `id` is the master that it comes from, and the `kid` of what it wrapped."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class WrappingKeys:
    """The wrapping keys that are known: `current` gives the one that wraps, `find` any that unwraps, by its id."""

    current: Callable[[], WrappingKey]
    find: Callable[[str], WrappingKey | None]

    def of(self, wrapped: str) -> WrappingKey:
        """Give the key that a JWE names; the current one when it names none that is known, and will not open it."""
        return self.find(wrapped_under(wrapped) or "") or self.current()


def wrapped_under(wrapped: str) -> str | None:
    """Read which wrapping key a JWE names; nobody has verified it. None when it is not readable."""
    header = wrapped.partition(".")[0].encode("ascii", "replace")
    try:
        named = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))["kid"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(named)


def wrap(key: Key, under: WrappingKey) -> str:
    """Encrypt a private key for the database."""
    header = {"alg": "dir", "enc": "A256GCM", "kid": under.id}
    plain = json.dumps(key.as_dict(private=True))
    return jwe.encrypt_compact(header, plain, OctKey.import_key(under.secret), algorithms=_ALGORITHMS)


def unwrap(wrapped: str, kid: str, under: WrappingKey) -> Key:
    """
    Decrypt a private key, and make sure that it is the one its row speaks of.

    Raises:
        ConfigurationError: it was wrapped under another master key, or is not the key named `kid`.
    """
    try:
        opened = jwe.decrypt_compact(wrapped, OctKey.import_key(under.secret), algorithms=_ALGORITHMS)
    except (JoseError, ValueError) as error:
        raise ConfigurationError(
            f"The signing key {kid} does not open with this master key. The database belongs to another one: "
            "bring back its keys/master.key, or set CHALK_MASTER_KEY."
        ) from error

    key = import_jwk(json.loads(opened.plaintext or b"{}"))
    if key.thumbprint() != kid:
        raise ConfigurationError(f"The row of the signing key {kid} holds another key.")
    return key


def read_pem(pem: bytes) -> Key | None:
    """Read an unencrypted private key (RFC 7468); None when it is none of the kinds that could sign."""
    try:
        raw = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None

    # Looked at before it is handed on: the library warns of weak keys, and we refuse them.
    match raw:
        case RSAPrivateKey() if raw.key_size >= _LEAST_RSA_BITS:
            return RSAKey.import_key(raw)
        case EllipticCurvePrivateKey() if isinstance(raw.curve, SECP256R1):
            return ECKey.import_key(raw)
        case Ed25519PrivateKey():
            return OKPKey.import_key(raw)
        case _:
            return None
