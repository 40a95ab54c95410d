"""Tell how many connections to the database this process holds."""

from app.flows.tools import Tools


def note_connections(tools: Tools) -> None:
    """
    Look at the pool, and put down what there is for whichever process is asked for metrics.

    A look now and then, and not a count kept: a request pays nothing for it.
    """
    tools.metrics.note_pool(tools.database.pool)
