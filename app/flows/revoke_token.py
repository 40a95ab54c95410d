"""A token in; its session is over."""

from uuid import UUID

from app.domain import access_tokens, api_keys, audit, refresh_tokens
from app.flows import steps
from app.flows.results import Sender
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import parse_id, print_id
from app.foundation.sender import NOBODY


def revoke_token(presented: str, credential: steps.Credential | None, tools: Tools, *, sender: Sender = NOBODY) -> None:
    """
    Revoke the session of a token, and with it every token that was ever minted from it.

    Says nothing about what was presented: a token that is not ours, or not this client's, is no error
    (RFC 7009 section 2.2).

    Args:
        presented: a refresh token, spent or not, or an access token; untrusted, never stored, never logged.
        credential: what the client shows; None where possession of a refresh token is enough.
        tools: the story's tools.
        sender: who sent it, as far as the network tells.

    Raises:
        InvalidApiKeyError, InvalidClientError, TenantSuspendedError: the client is not who it claims, or may not act.
        RateLimitedError: too many wrong credentials came from this source, or for this client.
    """
    client = None if credential is None else steps.authenticate_client(credential, tools)
    session_id = _session_of(presented, tools, access_tokens_too=client is not None)
    if session_id is None or (client is not None and client.tenant_id is None):
        return

    with tools.database.transaction() as connection:
        # To a client of one mode, tokens of the other are another client's.
        tenant_id, only = (None, None) if client is None else (client.tenant_id, client.mode)
        now = tools.clock.now()
        ended = refresh_tokens.revoke(connection, session_id, reason="revoked", now=now, tenant_id=tenant_id, only=only)
        if ended is not None:
            event = audit.SessionRevoked(session_id=refresh_tokens.session_name(session_id))
            audit.record(connection, ended, event, sender, actor=_actor(client), now=now)
    if ended is not None:
        logs.event("session.revoked", session=refresh_tokens.session_name(session_id))


def _actor(client: steps.Client | None) -> str | None:
    if client is None or client.tenant_id is None:
        return None
    return print_id("tenant", client.tenant_id) if client.key_id is None else api_keys.key_name(client.key_id)


def _session_of(presented: str, tools: Tools, *, access_tokens_too: bool) -> UUID | None:
    parsed = steps.read_refresh_token(presented, tools)
    if parsed is not None:
        return parsed.family_id
    if not access_tokens_too:
        return None

    token = steps.verify(presented, tools)
    # An expired one is ours all the same, and names the session that its holder wants to end.
    if not isinstance(token, access_tokens.Verified | access_tokens.Expired):
        return None
    return parse_id(refresh_tokens.SESSION_PREFIX, token.claims.sid)
