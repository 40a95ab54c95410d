"""An access token in, the caller out."""

from app.domain import access_tokens, refresh_tokens
from app.flows import steps
from app.flows.refusals import AccessTokenExpiredError, InvalidAccessTokenError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id


def authenticate_access_token(presented: str, tools: Tools) -> Caller:
    """
    Tell who presents this token: verified from public keys alone, then held against the revocation of its session.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.

    Raises:
        InvalidAccessTokenError: not ours, not for us, or its session was revoked.
        AccessTokenExpiredError: it was good.

    Source: RFC 9068 section 4.
    """
    steps.signer(tools)
    outcome = access_tokens.verify(
        presented,
        tools.keyring.public_key,
        issuer=tools.http.issuer,
        audiences=tools.http.audiences[:1],
        now=tools.clock.now(),
    )
    match outcome:
        case access_tokens.Expired():
            raise AccessTokenExpiredError
        case access_tokens.Invalid():
            raise InvalidAccessTokenError
        case access_tokens.Verified(claims=claims):
            return _caller(claims, tools)


def _caller(claims: access_tokens.AccessClaims, tools: Tools) -> Caller:
    session_id = parse_id(refresh_tokens.SESSION_PREFIX, claims.sid)
    tenant_id = parse_id("tenant", claims.tenant_id)
    room_id = None if claims.room_id is None else parse_id("room", claims.room_id)
    if session_id is None or tenant_id is None or (room_id is None) != (claims.room_id is None):
        raise InvalidAccessTokenError

    with tools.database.reading() as connection:
        living = refresh_tokens.is_living(connection, session_id)
    if not living:
        raise InvalidAccessTokenError
    return Caller(
        kind="token",
        tenant_id=tenant_id,
        key_id=None if claims.key_id is None else claims.key_id.removeprefix("key_"),
        scope=claims.scope,
        room_id=room_id,
    )
