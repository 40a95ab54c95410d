"""What a pair of tokens is made of."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import UNSET

from app.domain import access_tokens, api_keys, refresh_tokens, signing_keys
from app.flows.refusals import InvalidRequestError, InvalidScopeError, InvalidTargetError
from app.flows.results import Mode, TokenPair
from app.flows.steps.master_keys import must_have
from app.flows.tools import Tools
from app.foundation import logs, opaque
from app.foundation.identifiers import print_id


def target(asked: Sequence[str], offered: Sequence[str]) -> str:
    """
    Choose the audience: the first one offered when none is asked for; a token has one (RFC 8707 section 2).

    Raises:
        InvalidTargetError: several are asked for, or one that is not offered.
    """
    if not asked:
        return offered[0]
    if len(set(asked)) > 1 or asked[0] not in offered:
        raise InvalidTargetError
    return asked[0]


def narrowed(asked: str, held: str, *, field: str = "scope") -> str:
    """
    Give what was asked of what is held (RFC 6749 section 3.3); `field` is where it was asked.

    Raises:
        InvalidScopeError: more was asked, or nothing.
    """
    scope = access_tokens.narrow(asked, held)
    if scope is None:
        raise InvalidScopeError(field)
    return scope


def life_of(tools: Tools, *, offline: bool, access_ttl_seconds: int | None = None) -> refresh_tokens.Policy:
    """
    Give the policy that a session is opened under.

    Without a refresh token it is over with its only access token, and is kept so that the token can be revoked.
    """
    if offline:
        return tools.families
    ttl = timedelta(seconds=access_ttl_seconds or tools.access_ttl_seconds)
    life = refresh_tokens.Life(ttl, ttl)
    return dataclasses.replace(
        tools.families, of_tenants=life, of_participants=life, current_kid=lambda: refresh_tokens.NO_KEY
    )


def access_ttl(asked_seconds: int | None, tools: Tools) -> int | None:
    """
    Give the life of access tokens that was asked for; None for the usual one.

    Raises:
        InvalidRequestError: it is longer than usual.
    """
    if asked_seconds is not None and asked_seconds > tools.access_ttl_seconds:
        raise InvalidRequestError("expires_in", f"must be at most {tools.access_ttl_seconds}")
    return asked_seconds


def mode_of(claims: access_tokens.AccessClaims) -> Mode:
    """Tell in which mode an access token was given."""
    return "live" if claims.mode is UNSET else claims.mode


def mint_pair(
    family: refresh_tokens.Family,
    scope: str,
    key: signing_keys.Signer,
    tools: Tools,
    *,
    now: datetime,
    offline: bool,
    key_rotating_until: datetime | None = None,
) -> TokenPair:
    """Sign a pair of tokens, as `sign_pair` does, and note that they were minted."""
    pair = sign_pair(family, scope, key, tools, now=now, offline=offline, key_rotating_until=key_rotating_until)
    note_minted(family, tools)
    return pair


def sign_pair(
    family: refresh_tokens.Family,
    scope: str,
    key: signing_keys.Signer,
    tools: Tools,
    *,
    now: datetime,
    offline: bool,
    key_rotating_until: datetime | None = None,
) -> TokenPair:
    """
    Sign an access token of a session and, when `offline`, derive its living refresh token. No I/O.

    `key_rotating_until` is the end of the grace of the key that asks for them.

    Raises:
        MasterKeyAwayError: this host lacks the key of its refresh tokens.
    """
    if offline:
        must_have(family.refresh_kid, tools)
    claims = _claims(family, scope, tools, now)
    return TokenPair(
        access_token=access_tokens.mint(claims, key),
        refresh_token=refresh_tokens.successor(family, tools.http.issuer, tools.refresh_keys) if offline else None,
        expires_in=claims.exp - claims.iat,
        scope=scope,
        key_rotating_until=key_rotating_until,
    )


def _claims(family: refresh_tokens.Family, scope: str, tools: Tools, now: datetime) -> access_tokens.AccessClaims:
    # Not before the rights that it says: of workers whose clocks differ, the other one may have changed them.
    begins = max(now, family.rights_changed_at or now)
    ttl_seconds = family.access_ttl_seconds or tools.access_ttl_seconds
    issued, expires = access_tokens.lifetime(begins, ttl_seconds, family.absolute_expires_at)
    tenant = print_id("tenant", family.tenant_id)
    return access_tokens.AccessClaims(
        iss=tools.http.issuer,
        aud=family.audience,
        sub=family.subject,
        client_id=tenant,
        iat=issued,
        exp=expires,
        jti=opaque.random_token(),
        scope=scope,
        sid=refresh_tokens.session_name(family.id),
        tenant_id=tenant,
        key_id=None if family.key_id is None else api_keys.key_name(family.key_id),
        room_id=None if family.room_id is None else print_id("room", family.room_id),
        participant_id=None if family.participant_id is None else print_id("p", family.participant_id),
        role=family.role,
        display_name=family.display_name,
        mode=UNSET if family.mode == "live" else family.mode,
    )


def note_minted(family: refresh_tokens.Family, tools: Tools) -> None:
    """Count an access token of a session, and say in the log whose it is."""
    subject = "tenant" if family.participant_id is None else "participant"
    tools.metrics.minted(subject, "exchange" if family.is_new else "refresh")
    logs.about(
        tenant=print_id("tenant", family.tenant_id),
        key=None if family.key_id is None else api_keys.key_name(family.key_id),
        session=refresh_tokens.session_name(family.id),
    )
