"""
Compact JWSs, read strictly: one spelling of each token, and nothing decoded that need not be.

joserfc computes and checks signatures; that it reads and prints each token once more costs a request as much as
its signature under a symmetric key, many times over. So the three segments are put together and taken apart here.

Source: RFC 7515 section 7.1; RFC 8725 sections 3.1, 3.11 and 3.12.
"""

import base64
import functools
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from app.foundation.jose import strict_json
from app.foundation.opaque import base64url

_LONGEST = 8192
# A header is read once, and not for each token, if it is no longer than those of our own.
_LONGEST_REMEMBERED = 300
_READY = "_chalk_ready"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

Content = TypeVar("Content")


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The protected header of our own tokens: these three members, and no other."""

    alg: str
    typ: str
    kid: str


@dataclass(frozen=True)
class Compact:
    """A token that nobody has verified yet: its header, and the bytes that its signature is over."""

    header: Header
    signed: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse(presented: str) -> Compact | None:
    """
    Read a token that nobody has verified yet; None when it is not one that we could have written.

    Refused are other serialisations, any character more or less, base64url that is not canonical (so that no two
    strings are the same token), and every header member besides alg, typ and kid: crit, b64, jwk, jku, x5u, x5c, zip.
    """
    if len(presented) > _LONGEST or not _COMPACT.fullmatch(presented):
        return None

    printed, payload, signature = presented.split(".")
    header = (_remembered_header if len(printed) <= _LONGEST_REMEMBERED else _header)(printed)
    if header is None:
        return None
    decoded = _decode(payload), _decode(signature)
    if decoded[0] is None or decoded[1] is None:
        return None
    return Compact(header, f"{printed}.{payload}".encode(), decoded[0], decoded[1])


def segments_of(presented: str) -> tuple[bytes, bytes, bytes] | None:
    """Decode header, payload and signature; None unless this is the one spelling of a compact JWS of at most 8 KiB."""
    if len(presented) > _LONGEST or not _COMPACT.fullmatch(presented):
        return None

    header, payload, signature = (_decode(segment) for segment in presented.split("."))
    if header is None or payload is None or signature is None:
        return None
    return header, payload, signature


def verify(presented: Compact, key: Key, registry: jws.JWSRegistry, content: type[Content]) -> Content | None:
    """Verify the signature, then read the payload as `content`; None when either fails."""
    try:
        algorithm, ready = _made_ready(key, presented.header.alg, registry)
        right = algorithm.verify(presented.signed, presented.signature, ready)
    except (JoseError, ValueError):
        return None
    return _read(presented.payload, content) if right else None


def sign(header: Header, content: msgspec.Struct, key: Key, registry: jws.JWSRegistry) -> str:
    """Sign a payload; the same content under the same key gives the same bytes wherever the algorithm allows it."""
    algorithm, ready = _made_ready(key, header.alg, registry)
    signed = _print(header) + b"." + base64url(msgspec.json.encode(content))
    return (signed + b"." + base64url(algorithm.sign(signed, ready))).decode()


class _Ready:
    """A key as an algorithm of joserfc's asks for it; that it is fit to sign or verify is found out once."""

    def __init__(self, key: Key) -> None:
        self._key: Any = key
        self._fit: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)

    def get_op_key(self, operation: str) -> Any:
        fit = self._fit.get(operation)
        if fit is None:
            fit = self._fit[operation] = self._key.get_op_key(operation)
        return fit


def _made_ready(key: Key, name: str, registry: jws.JWSRegistry) -> tuple[Any, Any]:
    # Kept at the key, which has no hash, so that it is gone with it.
    known: dict[tuple[str, int], tuple[Any, Any]] = vars(key).setdefault(_READY, {})
    found = known.get((name, id(registry)))
    if found is None:
        algorithm = registry.get_alg(name)
        algorithm.check_key(key)
        found = known[name, id(registry)] = algorithm, _Ready(key)
    return found


@functools.lru_cache(maxsize=64)
def _print(header: Header) -> bytes:
    return base64url(msgspec.json.encode(header))


def _header(printed: str) -> Header | None:
    raw = _decode(printed)
    return None if raw is None else _read(raw, Header)


_remembered_header = functools.lru_cache(maxsize=256)(_header)


def _read(raw: bytes, content: type[Content]) -> Content | None:
    try:
        return msgspec.convert(strict_json.read_object(raw), content)
    except msgspec.ValidationError:
        return None


def _decode(segment: str) -> bytes | None:
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        return None
    return raw if base64url(raw).decode() == segment else None
