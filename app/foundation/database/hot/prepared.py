"""
Statements that are written and compiled once, and run by the driver itself: what the hot paths are made of.

SQLAlchemy composes and compiles them; that it does so for each request anew is most of what a request would cost
(docs/decisions/0024-hot-paths.md).
"""

import functools
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import Insert, Update

from app.foundation.database.hot.direct import Direct, First

Written = Select[Any] | Insert | Update

# As the drivers themselves want parameters: by their place.
_DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "postgresql": lambda: postgresql.psycopg.dialect(paramstyle="numeric_dollar"),  # type: ignore[no-untyped-call]
    "sqlite": lambda: sqlite.pysqlite.dialect(paramstyle="qmark"),
}


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
        if isinstance(connection, Connection):
            compiled = self._for(connection.engine.dialect.name)
            return connection.execute(compiled.statement, compiled.known(values)).first()
        return self.begin(connection, values)()

    def begin(self, connection: Direct, values: Mapping[str, Any]) -> Callable[[], Any | None]:
        """
        Begin to run it, for whoever has other work meanwhile. What this gives has to be called; it gives the first row.
        """
        compiled = self._for(connection.engine.dialect.name)
        return functools.partial(compiled.finish, connection.begin(compiled.text, compiled.parameters(values)))

    def _for(self, name: str) -> "_Compiled":
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compiled[name] = _Compiled(self._write(name), _DIALECTS[name]())
        return compiled


class _Compiled:
    def __init__(self, statement: Written, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.statement = statement
        self.text = str(compiled)
        of_name = {name: bind for bind, name in compiled.bind_names.items()}
        binds = [(name, of_name[name]) for name in compiled.positiontup]
        self._places = [(name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in binds]
        self._constants = {name: bind.effective_value for name, bind in binds if not bind.required}
        columns = list(statement.exported_columns)
        self._readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._row = _row_of([str(column.key) for column in columns])

    def known(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name, _ in self._places if name in values}

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        # One that is forgotten is a bug: as NULL, it would mean something else.
        given = {**self._constants, **values}
        return [given[name] if printer is None else printer(given[name]) for name, printer in self._places]

    def finish(self, first: First) -> Any | None:
        row = first()
        return None if row is None else self.row(row)

    def row(self, found: Sequence[Any]) -> Any:
        read = zip(found, self._readers, strict=True)
        return self._row([value if reader is None else reader(value) for value, reader in read])


def _row_of(names: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    named: Any = namedtuple("Row", names)  # type: ignore[misc]
    made: Callable[[Sequence[Any]], Any] = named._make
    return made
