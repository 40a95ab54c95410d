"""Another master key, known and not used yet."""

from app.flows.refusals import InvalidRequestError
from app.flows.tools import Tools
from app.foundation import logs, master_key_files


def add_master_key(tools: Tools) -> str:
    """
    Make another master key beside the current one, and give its id.

    Raises:
        InvalidRequestError: the master keys come from the environment, where only its owner can add one.
        ConfigurationError: it cannot be written.
    """
    if tools.keys_directory is None:
        raise InvalidRequestError("CHALK_MASTER_KEY", "holds the master keys: add one there, behind a comma")
    made = master_key_files.add(tools.keys_directory)
    tools.masters.read_again()
    logs.event("master_key.added", id=made.id)
    return made.id
