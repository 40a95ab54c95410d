"""Conditions that rooms say of their own rows, for a story to ask together."""

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.engine import Connection

Condition = ColumnElement[bool]


def holds(connection: Connection, *conditions: Condition) -> bool:
    """Tell whether all of these hold, in one statement; rooms need not know each other for it."""
    return connection.execute(select(and_(*conditions))).scalar_one()
