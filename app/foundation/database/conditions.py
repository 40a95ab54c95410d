"""What rooms say of their own rows, for a story to ask together; rooms need not know each other for it."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.engine import Connection

from app.foundation.database.hot.prepared import Prepared

Condition = ColumnElement[bool]
Value = ColumnElement[Any]
# Selects these values, by the name of a dialect, if something is so, and keeps it so until the transaction is over:
# for one room to write a row upon what another one says.
Premise = Callable[[str, Sequence[ColumnElement[Any]]], Select[Any]]


def holds(connection: Connection, *conditions: Condition, **parameters: object) -> bool:
    """Tell whether all of these hold, in one statement."""
    return connection.execute(select(and_(*conditions)), parameters).scalar_one()


def asking(value: Callable[[], Value]) -> Prepared:
    """Write the statement that asks for a value and nothing else; its only row calls it `value`."""
    return Prepared(lambda _: select(value().label("value")))
