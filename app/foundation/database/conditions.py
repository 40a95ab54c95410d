"""Conditions that rooms say of their own rows, for a story to ask together."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.engine import Connection

Condition = ColumnElement[bool]
# Selects these values, by the name of a dialect, if something is so, and keeps it so until the transaction is over:
# for one room to write a row upon what another one says.
Premise = Callable[[str, Sequence[ColumnElement[Any]]], Select[Any]]


def holds(connection: Connection, *conditions: Condition) -> bool:
    """Tell whether all of these hold, in one statement; rooms need not know each other for it."""
    return connection.execute(select(and_(*conditions))).scalar_one()
