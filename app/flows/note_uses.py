"""Keep when and from where API keys were used last."""

from app.domain import api_keys
from app.flows.tools import Tools
from app.foundation.errors import DatabaseAwayError


def note_uses(tools: Tools) -> None:
    """
    Write what was noted of keys that were used, each in a statement of its own: nobody waits for two of them.

    Raises:
        DatabaseAwayError: what was not written is noted again, and written the next time.
    """
    taken = dict(tools.uses.take())
    try:
        while taken:
            key_id, use = next(iter(taken.items()))
            with tools.database.statement() as connection:
                api_keys.write_use(connection, key_id, use)
            del taken[key_id]
    except DatabaseAwayError:
        for key_id, use in taken.items():
            tools.uses.note(key_id, use)
        raise
