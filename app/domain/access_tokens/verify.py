"""
Verify access tokens as a resource server would, from public keys alone.

Source: RFC 9068 section 4; RFC 8725.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from joserfc import jws
from joserfc.jwk import Key

from app.domain.access_tokens.claims import TYPE, AccessClaims
from app.foundation.jose import compact_jws

_ALGORITHM = "RS256"
_REGISTRY = jws.JWSRegistry(algorithms=[_ALGORITHM])


@dataclass(frozen=True)
class Verified:
    """The token is ours, for this audience, and has not expired."""

    claims: AccessClaims


@dataclass(frozen=True)
class Expired:
    """The token is ours and was good."""

    claims: AccessClaims


@dataclass(frozen=True)
class Invalid:
    """Anything else; why is nobody's business."""


def verify(
    presented: str, public_key: Callable[[str], Key | None], *, issuer: str, audiences: Collection[str], now: datetime
) -> Verified | Expired | Invalid:
    """
    Check alg, typ, kid, signature, iss, aud and exp, in this order, without leeway.

    Args:
        presented: untrusted; never stored, never logged.
        public_key: gives the published key of a `kid`, or None.
        issuer: the only `iss` accepted, byte for byte.
        audiences: what `aud` may be, byte for byte.
        now: aware, UTC.
    """
    header = compact_jws.header_of(presented)
    if header is None or header.alg != _ALGORITHM or header.typ != TYPE:
        return Invalid()

    key = public_key(header.kid)
    if key is None:
        return Invalid()

    claims = compact_jws.verify(presented, key, _REGISTRY, AccessClaims)
    if claims is None or claims.iss != issuer or claims.aud not in audiences:
        return Invalid()
    return Verified(claims) if now.timestamp() < claims.exp else Expired(claims)
