"""Make things under another master key from now on."""

from app.flows.refusals import InvalidRequestError
from app.flows.tools import Tools
from app.foundation import logs, master_key_files


def activate_master_key(key_id: str, tools: Tools) -> None:
    """
    Let a master key that is known here be the current one; what was made under others goes on working.

    Workers on this folder follow within the age of their keys, and know it at once when they meet it.

    Raises:
        InvalidRequestError: the master keys come from the environment, where the first one is current.
        ConfigurationError: there is no such key here, or it cannot be written.
    """
    if tools.keys_directory is None:
        raise InvalidRequestError("CHALK_MASTER_KEY", "holds the master keys: the first one is the current one")
    master_key_files.activate(tools.keys_directory, key_id, now=tools.clock.now())
    tools.masters.read_again()
    logs.event("master_key.activated", id=key_id)
