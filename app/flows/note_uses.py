"""Keep when, from where and how often API keys were used."""

from app.domain import api_keys
from app.flows.tools import Tools
from app.foundation.errors import DatabaseAwayError


def note_uses(tools: Tools) -> None:
    """
    Write what was noted of keys that were used, each in a transaction of its own: nobody waits for two of them.

    Raises:
        DatabaseAwayError: what was not written is noted again, and written the next time.
    """
    taken = dict(tools.uses.take())
    try:
        while taken:
            key_id, noted = next(iter(taken.items()))
            with tools.database.transaction() as connection:
                api_keys.write_uses(connection, key_id, noted)
            del taken[key_id]
    except DatabaseAwayError:
        for key_id, noted in taken.items():
            tools.uses.note_again(key_id, noted)
        raise
