"""Have a signing key at hand before the first request."""

from app.flows import steps
from app.flows.tools import Tools


def prepare_signing_key(tools: Tools) -> None:
    """
    Read the active signing key into memory; make the first one there is, if there is none.

    Raises:
        DatabaseAwayError: it could not be read yet.
        ConfigurationError: it does not open with this master key.
    """
    steps.signer(tools)
