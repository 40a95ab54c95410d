"""A refresh token in; its session is over."""

from app.domain import refresh_tokens
from app.flows.tools import Tools
from app.foundation import logs


def revoke_token(presented: str, tools: Tools) -> None:
    """
    Revoke the session of a refresh token, spent or not; whoever holds one may end it.

    Says nothing about what was presented: a token that is not ours is no error (RFC 7009 section 2.2).

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.
    """
    parsed = refresh_tokens.parse(presented, tools.http.issuer, tools.refresh_keys)
    if parsed is None:
        return

    with tools.database.transaction() as connection:
        ended = refresh_tokens.revoke(connection, parsed.family_id, reason="revoked", now=tools.clock.now())
    if ended:
        logs.event("session.revoked", session=refresh_tokens.session_name(parsed.family_id))
