"""Take what can be taken from older master keys to the current one."""

from collections.abc import Callable

from app.domain import signing_keys
from app.flows.tools import Tools
from app.foundation import logs


def rewrap_keys(tell: Callable[[int, int], None], tools: Tools) -> None:
    """
    Wrap every signing key under the current master key. It may be stopped, and run again, by many at once.

    API keys and sessions cannot be taken over from here, since nothing of them is kept: they move by use.

    Args:
        tell: is called with how many are done, of how many.
        tools: the story's tools.

    Raises:
        ConfigurationError: one does not open with any master key that is known here.
    """
    keys = tools.keyring.wrapping_keys
    with tools.database.reading() as connection:
        where = signing_keys.wrapped(connection)
    behind = [kid for kid, under in where.items() if under != keys.current().id]
    tell(0, len(behind))
    for done, kid in enumerate(behind, 1):
        # One transaction each: nothing is locked while the next is opened.
        with tools.database.transaction() as connection:
            moved = signing_keys.rewrap(connection, kid, keys)
        if moved:
            logs.event("signing_key.rewrapped", kid=kid, master=keys.current().id)
        tell(done, len(behind))
