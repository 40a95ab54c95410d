"""Mint access tokens: no input, no output, no lock held while the signature is computed."""

from typing import Protocol

from joserfc import jws
from joserfc.jwk import Key

from app.domain.access_tokens.claims import TYPE, AccessClaims
from app.foundation.jose import compact_jws

_REGISTRY = jws.JWSRegistry(algorithms=["RS256", "PS256", "ES256", "Ed25519"])


class Signer(Protocol):
    """A private key that may sign now."""

    @property
    def kid(self) -> str:
        """Give the RFC 7638 thumbprint of the key."""
        ...

    @property
    def alg(self) -> str:
        """Give the one algorithm of the key (RFC 7518 section 3.1)."""
        ...

    @property
    def key(self) -> Key:
        """Give the key itself."""
        ...


def mint(claims: AccessClaims, signer: Signer) -> str:
    """Sign the claims as a compact JWS with `typ: at+jwt` (RFC 9068 section 2.1)."""
    header = compact_jws.Header(alg=signer.alg, typ=TYPE, kid=signer.kid)
    return compact_jws.sign(header, claims, signer.key, _REGISTRY)
