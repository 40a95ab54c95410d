"""
Compact JWSs, read strictly: one spelling of each token, and nothing decoded that need not be.

Source: RFC 7515 section 7.1; RFC 8725 sections 3.1, 3.11 and 3.12.
"""

import base64
import re
from typing import TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from app.foundation.jose import strict_json

_LONGEST = 8192
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

Content = TypeVar("Content")


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The protected header of our own tokens: these three members, and no other."""

    alg: str
    typ: str
    kid: str


def header_of(presented: str) -> Header | None:
    """
    Read the header of a token that nobody has verified yet; None when it is not one that we could have written.

    Refused are other serialisations, any character more or less, base64url that is not canonical (so that no two
    strings are the same token), and every header member besides alg, typ and kid: crit, b64, jwk, jku, x5u, x5c, zip.
    """
    segments = segments_of(presented)
    return None if segments is None else _read(segments[0], Header)


def segments_of(presented: str) -> tuple[bytes, bytes, bytes] | None:
    """Decode header, payload and signature; None unless this is the one spelling of a compact JWS of at most 8 KiB."""
    if len(presented) > _LONGEST or not _COMPACT.fullmatch(presented):
        return None

    header, payload, signature = (_decode(segment) for segment in presented.split("."))
    if header is None or payload is None or signature is None:
        return None
    return header, payload, signature


def verify(presented: str, key: Key, registry: jws.JWSRegistry, content: type[Content]) -> Content | None:
    """Verify the signature, then read the payload as `content`; None when either fails."""
    try:
        payload = jws.deserialize_compact(presented, key, registry=registry).payload
    except (JoseError, ValueError):
        return None
    return _read(payload, content)


def sign(header: Header, content: msgspec.Struct, key: Key, registry: jws.JWSRegistry) -> str:
    """Sign a payload; the same content under the same key gives the same bytes wherever the algorithm allows it."""
    return jws.serialize_compact(msgspec.to_builtins(header), msgspec.json.encode(content), key, registry=registry)


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
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == segment else None
