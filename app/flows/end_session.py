"""A session in; it is over, and every token of it."""

from app.domain import access_tokens, audit, refresh_tokens
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.results import Caller
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import parse_id


def end_session(caller: Caller, presented_id: str, tools: Tools) -> None:
    """
    End a session of the caller's tenant: one statement, whatever races it.

    Raises:
        NotFoundError: no such session, someone else's, a live one for a test key, or it is over.
        ForbiddenError, InsufficientScopeError: an operator called, or the credential lacks `sessions:write`.
    """
    tenant_id = steps.must_act_for_a_tenant(caller, access_tokens.SESSIONS_WRITE)
    session_id = parse_id(refresh_tokens.SESSION_PREFIX, presented_id)
    if session_id is None:
        raise NotFoundError
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        ended = refresh_tokens.revoke(
            connection, session_id, reason="ended", now=now, tenant_id=tenant_id, only=steps.reaches_only(caller)
        )
        if ended is not None:
            event = audit.SessionRevoked(session_id=presented_id)
            steps.record(connection, caller, tenant_id, event, now=now)
    if ended is None:
        raise NotFoundError
    logs.event("session.revoked", session=refresh_tokens.session_name(session_id))
