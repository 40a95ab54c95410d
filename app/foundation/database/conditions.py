"""What rooms say of their own rows, for a story to ask together; rooms need not know each other for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.engine import Connection

from app.foundation.database.hot.direct import Direct
from app.foundation.database.hot.prepared import Prepared

Condition = ColumnElement[bool]
Value = ColumnElement[Any]
# Selects these values, by the name of a dialect, if something is so, and keeps it so until the transaction is over:
# for one room to write a row upon what another one says.
Premise = Callable[[str, Sequence[ColumnElement[Any]]], Select[Any]]


def holds(connection: Connection, *conditions: Condition) -> bool:
    """Tell whether all of these hold, in one statement."""
    return connection.execute(select(and_(*conditions))).scalar_one()


def asking(*values: Callable[[], Value]) -> Callable[[Connection | Direct, Mapping[str, object]], Sequence[Any]]:
    """Give what asks for values by one statement, which is written once; it takes the parameters of all of them."""
    statement = Prepared(lambda _: select(*(value().label(f"value_{place}") for place, value in enumerate(values))))

    def ask(connection: Connection | Direct, parameters: Mapping[str, object]) -> Sequence[Any]:
        row: Sequence[Any] | None = statement.first(connection, parameters)
        if row is None:
            raise RuntimeError("a statement that reads no table gave no row")
        return row

    return ask
