"""Bring a signing key of one's own; for the command line of the server itself."""

from app.domain import signing_keys
from app.flows import steps
from app.flows.refusals import InvalidRequestError
from app.flows.tools import Tools
from app.foundation import logs


def import_signing_key(pem: bytes, tools: Tools) -> str:
    """
    Publish a private key from elsewhere as the standby, in place of the one that waits; give its `kid`.

    It signs when its time comes, or when it is activated by hand.

    Args:
        pem: an unencrypted private key; never stored as it is, never logged.
        tools: the story's tools.

    Raises:
        InvalidRequestError: it is not a private key of the configured kind, or is known already.
    """
    kind = tools.schedule.kind
    key = signing_keys.read_pem(pem)
    if key is None or not signing_keys.fits(key, kind):
        raise InvalidRequestError("key", f"must be an unencrypted private key of the kind {kind}")

    now = tools.clock.now()
    with tools.database.transaction() as connection:
        for waiting in signing_keys.records(connection):
            if waiting.state == "standby":
                signing_keys.withdraw(connection, waiting.kid, now=now, reason="replaced by an imported key")
        kid = signing_keys.publish(connection, key, kind, tools.keyring.wrapping, now=now)
        if kid is None:
            raise InvalidRequestError("key", "must not be one that was published before")

    logs.event("signing_key.published", kid=kid, reason="imported")
    steps.tend(tools)
    return kid
