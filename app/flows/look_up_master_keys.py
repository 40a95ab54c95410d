"""Which master keys are known here, and what hangs on each."""

from app.flows import steps
from app.flows.results import MasterKeyUse
from app.flows.tools import Tools


def look_up_master_keys(tools: Tools) -> list[MasterKeyUse]:
    """List every master key that is known here or that something hangs on, the current one first."""
    with tools.database.reading() as connection:
        return steps.uses_of_master_keys(connection, tools)
