"""
Client assertions: a JWT that a client signs to say who it is, once.

Source: RFC 7523 sections 2.2 and 3; RFC 8725; draft-ietf-oauth-rfc7523bis for `aud` (our issuer alone) and `typ`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import Key
from sqlalchemy import Connection, delete, exc, insert, select, tuple_

from app.domain.clients.tables import SpentAssertionRow
from app.foundation.jose import compact_jws, strict_json

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_TYPES = (None, "JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt")
_LONGEST_LIFE_SECONDS = 300
_SKEW_SECONDS = 60
_LONGEST_JTI = 256


class _Registry(jws.JWSRegistry):
    def get_alg(self, name: str) -> Any:
        # The library warns of the name EdDSA, which RFC 9864 splits in two; clients go on using it, and the keys
        # that we take are of the one kind, Ed25519.
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY = _Registry(algorithms=list(ALGORITHMS))


@dataclass(frozen=True)
class Assertion:
    """An assertion that nobody has verified yet: who it says it is, and which key it says it was signed with."""

    client_id: str
    kid: str
    alg: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class VerifiedAssertion:
    """An assertion whose signature and claims are right; to be spent, and remembered until `expires_at`."""

    jti: str
    expires_at: datetime


def parse(presented: str) -> Assertion | None:
    """Read an assertion; None when it is not a compact JWS with the header and subject of one."""
    segments = compact_jws.segments_of(presented)
    if segments is None:
        return None

    header, claims = strict_json.read_object(segments[0]), strict_json.read_object(segments[1])
    if header is None or claims is None or not header.keys() <= {"alg", "typ", "kid"}:
        return None

    alg, kid, subject = header.get("alg"), header.get("kid"), claims.get("sub")
    if alg not in ALGORITHMS or header.get("typ") not in _TYPES:
        return None
    if not isinstance(kid, str) or not isinstance(subject, str):
        return None
    return Assertion(client_id=subject, kid=kid, alg=alg, text=presented)


def verify(assertion: Assertion, keys: Mapping[str, Key], issuer: str, *, now: datetime) -> VerifiedAssertion | None:
    """
    Verify signature, iss, sub, aud, exp, nbf, iat and jti; None when any is wrong.

    Args:
        assertion: as `parse` read it.
        keys: the client's own keys, and no other.
        issuer: the only `aud` accepted, alone (a list with anything beside it is refused).
        now: aware, UTC; clocks may differ by a minute.
    """
    key = keys.get(assertion.kid)
    if key is None or key.key_type != _KEY_TYPES[assertion.alg] or key.get("alg", assertion.alg) != assertion.alg:
        return None
    try:
        payload = jws.deserialize_compact(assertion.text, key, registry=_REGISTRY).payload
    except (JoseError, ValueError):
        return None

    claims = strict_json.read_object(payload)
    if claims is None or not _is_about(claims, assertion.client_id, issuer) or not _is_timely(claims, now.timestamp()):
        return None

    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        return None
    return VerifiedAssertion(jti, datetime.fromtimestamp(claims["exp"] + _SKEW_SECONDS, UTC))


def spend(connection: Connection, tenant_id: UUID, verified: VerifiedAssertion, *, now: datetime) -> bool:
    """
    Use up an assertion's `jti`, once for this client, whoever asks at the same time; False when it was used.

    Each use lets a few go that nobody could use again, so that there are never many more than are alive.
    """
    forget(connection, most=5, now=now)
    row = {
        "tenant_id": tenant_id,
        "jti_hash": hashlib.sha256(verified.jti.encode("utf-8", "surrogatepass")).digest(),
        "expires_at": verified.expires_at,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(SpentAssertionRow).values(row))
    except exc.IntegrityError:
        return False
    return True


def forget(connection: Connection, *, most: int, now: datetime) -> int:
    """Let at most so many go that nobody could use again, and give how many there were."""
    row = SpentAssertionRow
    # A minute later than any worker would: their clocks may differ.
    over = select(row.tenant_id, row.jti_hash).where(row.expires_at < now - timedelta(seconds=_SKEW_SECONDS))
    # Those that another spend is letting go at this moment are passed over, not waited for.
    over = over.order_by(row.expires_at).limit(most).with_for_update(skip_locked=True)
    return connection.execute(delete(SpentAssertionRow).where(tuple_(row.tenant_id, row.jti_hash).in_(over))).rowcount


def _is_about(claims: Mapping[str, Any], client_id: str, issuer: str) -> bool:
    return claims.get("iss") == client_id == claims.get("sub") and claims.get("aud") in (issuer, [issuer])


def _is_timely(claims: Mapping[str, Any], now: float) -> bool:
    exp, nbf, iat = (claims.get(name, default) for name, default in (("exp", 0), ("nbf", now), ("iat", now)))
    if not all(type(moment) in (int, float) for moment in (exp, nbf, iat)):
        return False
    lives = now - _SKEW_SECONDS < exp <= now + _LONGEST_LIFE_SECONDS
    return bool(lives and nbf <= now + _SKEW_SECONDS and iat <= now + _SKEW_SECONDS)
