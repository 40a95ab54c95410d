"""Let a key go by hand; for the command line of the server itself."""

from app.domain import signing_keys
from app.flows import steps
from app.flows.refusals import NotFoundError, UnsafeKeyStepError
from app.flows.tools import Tools
from app.foundation import logs


def retire_signing_key(kid: str, force: str | None, tools: Tools) -> None:
    """
    Take a key out of the JWKS: a standby, which never signed, or a retired one whose last token is over.

    Args:
        kid: of the key.
        force: a reason to let a retired key go while its tokens live; it is recorded.
        tools: the story's tools.

    Raises:
        NotFoundError: no such key is published.
        UnsafeKeyStepError: it is the key that signs, or tokens that it signed live; says when they will not.
    """
    now = tools.clock.now()
    with tools.database.transaction() as connection:
        key = next((each for each in signing_keys.records(connection) if each.kid == kid), None)
        if key is None or key.state == "revoked":
            raise NotFoundError
        if key.state == "active":
            raise UnsafeKeyStepError("it is the key that signs: rotate, or revoke it in an emergency")
        safe_at = signing_keys.dropping_is_safe_at(key, tools.schedule, now)
        if force is None and now < safe_at:
            raise UnsafeKeyStepError("tokens that it signed are alive", safe_at)
        take = signing_keys.withdraw if key.state == "standby" else signing_keys.drop
        if not take(connection, kid, now=now, reason=force):
            raise NotFoundError

    if take is signing_keys.withdraw:
        logs.event("signing_key.withdrawn", kid=kid, reason=force)
    else:
        logs.event("signing_key.dropped", kid=kid, reason=force)
    steps.tend(tools)
