"""
Statements that are written and compiled once, and run by the driver itself: what the hot paths are made of.

SQLAlchemy composes and compiles them; that it does so for each request anew is most of what a request would cost
(docs/decisions/0024-hot-paths.md).
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Engine, Select
from sqlalchemy.engine import Connection
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.dml import Insert, Update

Written = Select[Any] | Insert | Update


@dataclass(frozen=True)
class Direct:
    """A connection for single statements, each of which is a transaction of its own."""

    engine: Engine
    proxy: PoolProxiedConnection

    @property
    def dialect(self) -> Dialect:
        """Give what distinguishes the database."""
        return self.engine.dialect

    def run(self, statement: str, parameters: Any) -> tuple[Any, ...] | None:
        """Run a statement of the driver's, and give its first row."""
        cursor = self.proxy.cursor()
        # Whoever listens to SQLAlchemy's statements hears of these, too.
        for heard in self.engine.dispatch.before_cursor_execute:
            heard(None, cursor, statement, parameters, None, False)  # noqa: FBT003  SQLAlchemy's signature
        if self.dialect.name == "postgresql":
            cursor.execute(statement, parameters, prepare=True)  # type: ignore[call-arg]
        else:
            cursor.execute(statement, parameters)
        return cursor.fetchone()


class Prepared:
    """
    A statement with named parameters, and what its first row says.

    `write` gives it for a database, by the name of its dialect. Every parameter is a `bindparam` with a type; none of
    them is named like a column that the statement writes, and none is a list.
    """

    def __init__(self, write: Callable[[str], Written]) -> None:
        self._write = write
        self._compiled: dict[str, _Compiled] = {}

    def first(self, connection: Connection | Direct, values: Mapping[str, Any]) -> Any | None:
        """Run it, and give the first row, with its columns by name; None when there is none."""
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._write(dialect.name), dialect)
        if isinstance(connection, Connection):
            return connection.execute(compiled.statement, compiled.known(values)).first()
        row = connection.run(compiled.text, compiled.parameters(values))
        return None if row is None else compiled.row(row)


class _Compiled:
    def __init__(self, statement: Written, text: str, binds: Mapping[str, Any], order: Sequence[str] | None) -> None:
        self.statement = statement
        self.text = text
        self._order = order
        self._constants = {name: value for name, (value, _) in binds.items()}
        self._printers = {name: printer for name, (_, printer) in binds.items() if printer is not None}
        self._readers: list[tuple[int, Callable[[Any], Any]]] = []
        self._row: Callable[[Sequence[Any]], Any] = tuple

    def read_columns(self, names: Sequence[str], readers: Sequence[Callable[[Any], Any] | None]) -> None:
        self._row = _row_of(names)
        self._readers = [(place, reader) for place, reader in enumerate(readers) if reader is not None]

    def known(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name in self._constants}

    def parameters(self, values: Mapping[str, Any]) -> Any:
        given = {**self._constants, **values}
        for name, printer in self._printers.items():
            given[name] = printer(given[name])
        return given if self._order is None else [given[name] for name in self._order]

    def row(self, found: Sequence[Any]) -> Any:
        values = list(found)
        for place, reader in self._readers:
            values[place] = reader(values[place])
        return self._row(values)


def _row_of(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    named: Any = namedtuple("Row", names)  # type: ignore[misc]
    made: Callable[[Sequence[Any]], Any] = named._make
    return made


def _compile(statement: Written, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    binds = {
        name: (bind.effective_value, bind.type.dialect_impl(dialect).bind_processor(dialect))
        for bind, name in compiled.bind_names.items()
    }
    order = compiled.positiontup if compiled.positional else None
    made = _Compiled(statement, str(compiled), binds, order)
    columns = list(statement.exported_columns)
    made.read_columns(
        [str(column.key) for column in columns],
        [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns],
    )
    return made
