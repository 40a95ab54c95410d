"""Let the standby sign now; for the command line of the server itself."""

from app.domain import signing_keys
from app.flows import steps
from app.flows.refusals import NotFoundError, UnsafeKeyStepError
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.clock import rfc3339


def activate_signing_key(kid: str | None, force: str | None, tools: Tools) -> str:
    """
    Let the standby sign, before its time in the schedule, and retire the key that did; give its `kid`.

    Args:
        kid: the standby's; None for whichever it is.
        force: a reason to do it although verifiers may not know the key yet; it is recorded.
        tools: the story's tools.

    Raises:
        NotFoundError: there is no such standby (any more).
        UnsafeKeyStepError: it has not been published for long enough; says when it will have been.
    """
    # The one that waits now: of many that rotate at once, all mean this one, and one wins.
    with tools.database.reading() as connection:
        standby = next((key for key in signing_keys.records(connection) if key.state == "standby"), None)
    if standby is None or kid not in {None, standby.kid}:
        raise NotFoundError

    now = tools.clock.now()
    with tools.database.transaction() as connection:
        safe_at = signing_keys.activation_is_safe_at(standby, tools.schedule)
        if force is None and now < safe_at:
            raise UnsafeKeyStepError("verifiers may still hold a JWKS without this key", safe_at)
        if not signing_keys.activate(connection, standby.kid, tools.schedule, now=now, reason=force):
            raise NotFoundError

    forced_from = None if now >= safe_at else rfc3339(safe_at)
    logs.event("signing_key.activated", kid=standby.kid, reason=force, safe_from=forced_from)
    steps.tend(tools)
    return standby.kid
