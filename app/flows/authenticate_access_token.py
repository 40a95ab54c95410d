"""An access token in, the caller out."""

from app.domain import access_tokens
from app.flows import steps
from app.flows.refusals import AccessTokenExpiredError, InvalidAccessTokenError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id


def authenticate_access_token(presented: str, tools: Tools) -> Caller:
    """
    Tell who presents this token: verified from public keys alone, then held against the revocation of its session
    and of the key that signed it.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.

    Raises:
        InvalidAccessTokenError: not ours, not for us, or its session was revoked.
        AccessTokenExpiredError: it was good.

    Source: RFC 9068 section 4.
    """
    match steps.verify(presented, tools, own_api=True):
        case access_tokens.Expired():
            raise AccessTokenExpiredError
        case access_tokens.Verified() as token:
            return _caller(token, tools)
        case _:
            raise InvalidAccessTokenError


def _caller(token: access_tokens.Verified, tools: Tools) -> Caller:
    claims = token.claims
    tenant_id = parse_id("tenant", claims.tenant_id)
    room_id = None if claims.room_id is None else parse_id("room", claims.room_id)
    if tenant_id is None or (room_id is None) != (claims.room_id is None):
        raise InvalidAccessTokenError

    with tools.database.reading() as connection:
        alive = steps.is_alive(connection, token)
    if not alive:
        raise InvalidAccessTokenError
    return Caller(
        kind="token",
        tenant_id=tenant_id,
        key_id=None if claims.key_id is None else claims.key_id.removeprefix("key_"),
        scope=claims.scope,
        room_id=room_id,
    )
