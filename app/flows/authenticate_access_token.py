"""An access token in, the caller out."""

from datetime import UTC, datetime

from app.domain import access_tokens
from app.domain.refresh_tokens import SESSION_PREFIX
from app.flows import steps
from app.flows.refusals import AccessTokenExpiredError, InvalidAccessTokenError
from app.flows.results import Caller, HeldToken, Sender
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import parse_id
from app.foundation.sender import NOBODY


def authenticate_access_token(presented: str, tools: Tools, *, sender: Sender = NOBODY) -> Caller:
    """
    Tell who presents this token: verified from public keys alone, then held against the revocation of its session
    and of the key that signed it.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.
        sender: who sent it, as far as the network tells.

    Raises:
        InvalidAccessTokenError: not ours, not for us, or its session was revoked.
        AccessTokenExpiredError: it was good.

    Source: RFC 9068 section 4.
    """
    match steps.verify(presented, tools, own_api=True):
        case access_tokens.Expired():
            raise AccessTokenExpiredError
        case access_tokens.Verified() as token:
            return _caller(token, tools, sender)
        case _:
            raise InvalidAccessTokenError


def _caller(token: access_tokens.Verified, tools: Tools, sender: Sender) -> Caller:
    claims = token.claims
    tenant_id = parse_id("tenant", claims.tenant_id)
    room_id = None if claims.room_id is None else parse_id("room", claims.room_id)
    if tenant_id is None or (room_id is None) != (claims.room_id is None):
        raise InvalidAccessTokenError

    participant_id = None if claims.participant_id is None else parse_id("p", claims.participant_id)
    session_id = parse_id(SESSION_PREFIX, claims.sid)
    if session_id is None or (participant_id is None) != (claims.participant_id is None):
        raise InvalidAccessTokenError

    with tools.database.direct() as direct:
        alive = steps.is_alive(direct, token, now=tools.clock.now())
    if not alive:
        raise InvalidAccessTokenError
    logs.about(tenant=claims.tenant_id, key=claims.key_id, session=claims.sid)
    return Caller(
        kind="token",
        tenant_id=tenant_id,
        key_id=None if claims.key_id is None else claims.key_id.removeprefix("key_"),
        scope=claims.scope,
        room_id=room_id,
        participant_id=participant_id,
        token=HeldToken(session_id, claims.role, claims.scope, datetime.fromtimestamp(claims.iat, UTC)),
        mode=steps.mode_of(claims),
        sender=sender,
    )
