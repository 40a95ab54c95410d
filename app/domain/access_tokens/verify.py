"""
Verify access tokens as a resource server would, from public keys alone.

Source: RFC 9068 section 4; RFC 8725.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from joserfc import jws
from joserfc.jwk import Key

from app.domain.access_tokens.claims import TYPE, AccessClaims
from app.foundation.jose import compact_jws

# The algorithms that a key of ours may have; each key has one of them, which the header must name.
_REGISTRY = jws.JWSRegistry(algorithms=["RS256", "PS256", "ES256", "Ed25519"])


class PublicKey(Protocol):
    """A published key, and the one algorithm that it verifies."""

    @property
    def alg(self) -> str:
        """Give the algorithm."""
        ...

    @property
    def key(self) -> Key:
        """Give the key itself."""
        ...


@dataclass(frozen=True)
class Verified:
    """The token is ours, for this audience, and has not expired; `kid` names the key that signed it."""

    claims: AccessClaims
    kid: str


@dataclass(frozen=True)
class Expired:
    """The token is ours and was good."""

    claims: AccessClaims


@dataclass(frozen=True)
class UnknownKey:
    """It may be ours, but nobody here knows the key that it names."""


@dataclass(frozen=True)
class Invalid:
    """Anything else; why is nobody's business."""


Outcome = Verified | Expired | UnknownKey | Invalid


def verify(
    presented: str,
    public_key: Callable[[str], PublicKey | None],
    *,
    issuer: str,
    audiences: Collection[str],
    now: datetime,
) -> Outcome:
    """
    Check typ, kid, alg, signature, iss, aud and exp, in this order, without leeway.

    Args:
        presented: untrusted; never stored, never logged.
        public_key: gives the published key of a `kid`, or None.
        issuer: the only `iss` accepted, byte for byte.
        audiences: what `aud` may be, byte for byte.
        now: aware, UTC.
    """
    token = compact_jws.parse(presented)
    if token is None or token.header.typ != TYPE:
        return Invalid()

    known = public_key(token.header.kid)
    if known is None:
        return UnknownKey()
    if token.header.alg != known.alg:
        return Invalid()

    claims = compact_jws.verify(token, known.key, _REGISTRY, AccessClaims)
    if claims is None or claims.iss != issuer or claims.aud not in audiences:
        return Invalid()
    return Verified(claims, token.header.kid) if now.timestamp() < claims.exp else Expired(claims)
