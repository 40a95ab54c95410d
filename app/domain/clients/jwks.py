"""
Clients' key sets: which keys may verify an assertion, and how a published set is fetched and kept.

Source: RFC 7517; RFC 8725 sections 3.1 and 3.5 for the keys that are taken.
"""

import functools
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from app.domain.clients.fetch import FetchError, fetch

Keys = Mapping[str, Key]

_LOG = logging.getLogger(__name__)
_KEPT = timedelta(minutes=10)
# An unknown kid may ask for the set again, but not at any rate that a stranger chooses.
_SOONEST = timedelta(seconds=30)
_AFTER_FAILURE = timedelta(seconds=5)
# While a host is away its keys go on, but a key that was withdrawn must not do so for ever.
_OLDEST = timedelta(days=1)
_MOST_KEYS = 20
_ALGORITHMS_OF = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
_MOST_SETS = 1000
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


def _import(jwk: Mapping[str, Any]) -> Key:
    if _MEMBERS_OF_PRIVATE_KEYS & jwk.keys() or not isinstance(jwk["kid"], str):
        raise ValueError("not a public key with a kid")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise ValueError("not a key for signatures")
    if jwk.get("alg") not in (None, *_ALGORITHMS_OF.get(jwk["kty"], ())):
        raise ValueError("a key for another algorithm")

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


@dataclass(frozen=True)
class _Kept:
    keys: Keys
    fetched_at: datetime
    ask_again_at: datetime


class RemoteKeys:
    """The key sets of this process that were fetched from clients' URLs; bounded in number, age and rate."""

    def __init__(self, private_hosts: frozenset[str]) -> None:
        self._private_hosts = private_hosts
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def find(self, url: str, kid: str, *, now: datetime) -> Keys:
        """Give the keys published at a URL, fetched anew when they are old, or lack this `kid`."""
        with self._lock:
            kept = self._kept.get(url, _Kept({}, now - _OLDEST, now))
            current = kid in kept.keys and now - kept.fetched_at < _KEPT
            if current or now < kept.ask_again_at:
                return kept.keys if now - kept.fetched_at < _OLDEST else {}
            # Noted before it is fetched: others that ask meanwhile do with what there is.
            if len(self._kept) >= _MOST_SETS:
                self._kept.clear()
            self._kept[url] = replace(kept, ask_again_at=now + _AFTER_FAILURE)

        fetched = self._fetch(url)
        if fetched is None:
            return kept.keys if now - kept.fetched_at < _OLDEST else {}
        with self._lock:
            self._kept[url] = _Kept(fetched, now, now + _SOONEST)
        return fetched

    def _fetch(self, url: str) -> Keys | None:
        try:
            return importable(fetch(url, private_hosts=self._private_hosts).decode("utf-8", "replace"))
        except FetchError as error:
            _LOG.warning("a client's jwks_uri gave no keys: %s", error)
            return None
