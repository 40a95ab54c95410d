"""
The kinds of signing keys: one key, one algorithm; a change of algorithm is a rotation.

Source: RFC 7518 section 3.1; RFC 9864 section 2.2 for `Ed25519`; RFC 8725 section 3.1.
"""

from collections.abc import Callable

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey


def _rsa(bits: int) -> Callable[[], Key]:
    return lambda: RSAKey.generate_key(bits, private=True, auto_kid=False)


# By the name that the setting uses; what stands before a hyphen is the `alg` of the tokens.
_KINDS: dict[str, Callable[[], Key]] = {
    "RS256": _rsa(2048),
    "RS256-3072": _rsa(3072),
    "RS256-4096": _rsa(4096),
    "PS256": _rsa(2048),
    "ES256": lambda: ECKey.generate_key("P-256", private=True, auto_kid=False),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519", private=True, auto_kid=False),
}
KINDS = tuple(_KINDS)
ALGORITHMS = tuple(dict.fromkeys(kind.partition("-")[0] for kind in KINDS))


def generate(kind: str) -> Key:
    """Make a key pair of a kind; RSA takes some tenths of a second, so hold no lock."""
    return _KINDS[kind]()


def alg_of(kind: str) -> str:
    """Give the `alg` (RFC 7515 section 4.1.1) of the tokens that a kind of key signs."""
    return kind.partition("-")[0]


def fits(key: Key, kind: str) -> bool:
    """Tell whether a private key from elsewhere is of this kind: its type, curve and size."""
    match key:
        case RSAKey():
            bits = int(kind.partition("-")[2] or 2048)
            return kind[:5] in {"RS256", "PS256"} and key.public_key.key_size == bits
        case ECKey():
            return kind == "ES256" and key.curve_name == "P-256"
        case OKPKey():
            return kind == "Ed25519" and key.curve_name == "Ed25519"
        case _:
            return False
