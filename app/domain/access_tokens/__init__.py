"""An access token is a short-lived RS256 JWT that any resource server verifies against the published JWKS."""

from app.domain.access_tokens.claims import AccessClaims, lifetime
from app.domain.access_tokens.mint import Signer, mint
from app.domain.access_tokens.scopes import (
    ALL_BUT_OFFLINE,
    KEYS_READ,
    KEYS_WRITE,
    OFFLINE_ACCESS,
    PARTICIPANTS_READ,
    PARTICIPANTS_WRITE,
    ROOMS_READ,
    ROOMS_WRITE,
    SESSIONS_READ,
    SESSIONS_WRITE,
    TENANT_READ,
    TENANT_WRITE,
    VOCABULARY,
    narrow,
    one_of,
    shared,
    without,
)
from app.domain.access_tokens.verify import Expired, Invalid, Outcome, UnknownKey, Verified, verify

__all__ = [
    "ALL_BUT_OFFLINE",
    "KEYS_READ",
    "KEYS_WRITE",
    "OFFLINE_ACCESS",
    "PARTICIPANTS_READ",
    "PARTICIPANTS_WRITE",
    "ROOMS_READ",
    "ROOMS_WRITE",
    "SESSIONS_READ",
    "SESSIONS_WRITE",
    "TENANT_READ",
    "TENANT_WRITE",
    "VOCABULARY",
    "AccessClaims",
    "Expired",
    "Invalid",
    "Outcome",
    "Signer",
    "UnknownKey",
    "Verified",
    "lifetime",
    "mint",
    "narrow",
    "one_of",
    "shared",
    "verify",
    "without",
]
