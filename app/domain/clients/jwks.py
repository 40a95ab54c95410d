"""
Clients' key sets: which keys may verify an assertion.

Source: RFC 7517; RFC 8725 sections 3.1 and 3.5 for the keys that are taken.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

Keys = Mapping[str, Key]

_MOST_KEYS = 20
_LONGEST_KID = 255
_ALGORITHMS_OF = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
_MEMBERS_OF_PRIVATE_KEYS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@functools.lru_cache(maxsize=256)
def importable(jwks: str) -> Keys | None:
    """
    Read a JWK Set as public signing keys by `kid`; None when it is not one that we take.

    Taken are RSA of 2048 to 8192 bits, EC on P-256 and Ed25519, each under a `kid` of its own and for signing only;
    a set with anything else in it is refused whole, so that nobody believes a key to work that does not. An empty set
    is one: its owner withdrew every key.
    """
    try:
        keys = json.loads(jwks)["keys"]
        found = {jwk["kid"]: _import(jwk) for jwk in keys}
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return found if len(found) == len(keys) <= _MOST_KEYS else None


def usable(jwks: str) -> Keys | None:
    """
    Read a published JWK Set, and pass over the keys that we do not take (RFC 7517 section 5); None when it is no set.
    """
    try:
        keys = json.loads(jwks)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(keys, list):
        return None

    found: dict[str, Key] = {}
    for jwk in keys[:_MOST_KEYS]:
        taken = importable(json.dumps({"keys": [jwk]}))
        found.update(taken or {})
    return found


def _import(jwk: Mapping[str, Any]) -> Key:
    _must_be_for_our_use(jwk)
    members = {name: value for name, value in jwk.items() if name in {"kty", "n", "e", "crv", "x", "y", "alg", "kid"}}
    match jwk["kty"], jwk.get("crv"):
        case "RSA", _:
            # Before it is parsed: a short key is not worth a warning, and a long one not the time. A modulus has no
            # zero bits to begin with (RFC 7518 section 6.3.1.1), which would make a short one look long.
            if not 2048 <= len(jwk["n"]) * 6 <= 8200 or jwk["n"].startswith("A"):
                raise ValueError("an RSA key of an unusual size")
            return RSAKey.import_key(members)
        case "EC", "P-256":
            return ECKey.import_key(members)
        case "OKP", "Ed25519":
            return OKPKey.import_key(members)
        case _:
            raise ValueError("a key of another kind")


def _must_be_for_our_use(jwk: Mapping[str, Any]) -> None:
    kid = jwk["kid"]
    if _MEMBERS_OF_PRIVATE_KEYS & jwk.keys() or not isinstance(kid, str):
        raise ValueError("not a public key with a kid")
    if not (0 < len(kid) <= _LONGEST_KID and kid.isprintable()):
        raise ValueError("a kid that no session could name")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise ValueError("not a key for signatures")
    if jwk.get("alg") not in (None, *_ALGORITHMS_OF.get(jwk["kty"], ())):
        raise ValueError("a key for another algorithm")
