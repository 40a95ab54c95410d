"""
How a refresh token is written: an HS256 JWT that only this server can verify, derived from the row of its family.

Source: CONTRACT 5; RFC 7519; RFC 8725 section 3.11 (`typ` keeps it from passing for any other token).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.jwk import OctKey

from app.domain.refresh_tokens.family import Family
from app.foundation.identifiers import parse_id, print_id
from app.foundation.jose import compact_jws, strict_json

TYPE = "rt+jwt"
SESSION_PREFIX = "ses"
_ALGORITHM = "HS256"
_REGISTRY = jws.JWSRegistry(algorithms=[_ALGORITHM])


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    sid: str
    gen: int
    iat: int
    exp: int


@dataclass(frozen=True)
class RefreshKeys:
    """The keys that sign refresh tokens, by `kid`; `current` signs new generations."""

    current: str
    keys: Mapping[str, OctKey] = field(repr=False)


@dataclass(frozen=True)
class PresentedToken:
    """
    A refresh token that we signed, with the key `kid`; whether it is spent, only its family knows.

    `expires_at` in whole seconds.
    """

    family_id: UUID
    generation: int
    expires_at: int
    kid: str


def session_name(family_id: UUID) -> str:
    """Print a session's id as it stands on the wire: `ses_` and 26 characters."""
    return print_id(SESSION_PREFIX, family_id)


def successor(family: Family, issuer: str, keys: RefreshKeys) -> str:
    """Derive the living refresh token of a family: the same row gives the same bytes, as often as it is asked."""
    claims = _Claims(
        iss=issuer,
        aud=issuer,
        sid=session_name(family.id),
        gen=family.generation,
        iat=int(family.rotated_at.timestamp()),
        exp=int(family.expires_at.timestamp()),
    )
    header = compact_jws.Header(alg=_ALGORITHM, typ=TYPE, kid=family.refresh_kid)
    return compact_jws.sign(header, claims, keys.keys[family.refresh_kid], _REGISTRY)


def signed_by(presented: str) -> tuple[str, UUID] | None:
    """Read which key a refresh token names, and which session; nobody has verified either. None when it is none."""
    token = compact_jws.parse(presented)
    if token is None or token.header.alg != _ALGORITHM or token.header.typ != TYPE:
        return None
    claims = strict_json.read_object(token.payload) or {}
    family_id = parse_id(SESSION_PREFIX, str(claims.get("sid")))
    return None if family_id is None else (token.header.kid, family_id)


def parse(presented: str, issuer: str, keys: RefreshKeys) -> PresentedToken | None:
    """Read a string as a refresh token of ours; None when we did not sign exactly these characters."""
    token = compact_jws.parse(presented)
    if token is None or token.header.alg != _ALGORITHM or token.header.typ != TYPE:
        return None
    kid = token.header.kid
    claims = compact_jws.verify(token, keys.keys[kid], _REGISTRY, _Claims) if kid in keys.keys else None
    if claims is None or claims.iss != issuer or claims.aud != issuer:
        return None

    family_id = parse_id(SESSION_PREFIX, claims.sid)
    if family_id is None:
        return None
    return PresentedToken(family_id=family_id, generation=claims.gen, expires_at=claims.exp, kid=kid)
