"""Revoke a signing key in an emergency; for the command line of the server itself."""

from app.domain import signing_keys
from app.flows import steps
from app.flows.refusals import NotFoundError
from app.flows.tools import Tools
from app.foundation import logs


def revoke_signing_key(kid: str, reason: str, tools: Tools) -> None:
    """
    Revoke a key whatever its state: it leaves the JWKS, its tokens are dead at introspection and at our own API, at
    once and on every worker, and another key signs: the standby, or a fresh one.

    Raises:
        NotFoundError: no such key is published.
    """
    with tools.database.transaction() as connection:
        if not signing_keys.revoke(connection, kid, now=tools.clock.now(), reason=reason):
            raise NotFoundError

    logs.event("signing_key.revoked", kid=kid, reason=reason)
    steps.tend(tools)
