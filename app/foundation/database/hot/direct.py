"""A connection on which single statements are run by the driver itself, each a transaction of its own."""

import functools
import hashlib
import select
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from app.foundation.database.health.silence import FIRST_LOOK_SECONDS, LOOK_EVERY_SECONDS

_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_NO_SUCH_STATEMENT, _KNOWN_ALREADY, _OUT_OF_DATE = b"26000", b"42P05", b"0A000"
_OURS = "chalk"

# Waits for the first row of a statement, and gives it; None when there is none.
First = Callable[[], Sequence[Any] | None]


class Direct(ABC):
    """Runs statements on a connection of a pool; each commits by itself."""

    def __init__(self, engine: Engine, proxy: PoolProxiedConnection) -> None:
        self.engine = engine
        self.proxy = proxy

    @property
    def info(self) -> dict[Any, Any]:
        """Give what is remembered beside the connection."""
        return self.proxy.info

    def is_open(self) -> bool:
        """Tell whether it still is a connection, as far as can be told without asking the server."""
        return True

    def run(self, statement: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
        """Run a statement, and give its first row; None when there is none."""
        return self.begin(statement, parameters)()

    def begin(self, statement: str, parameters: Sequence[Any]) -> First:
        """
        Begin a statement, for whoever has other work while the server does its own.

        What it gives has to be called before anything else is done on the connection, and gives what `run` would.
        """
        # Whoever listens to SQLAlchemy's statements hears of these, too.
        dispatch: Any = self.engine.dispatch
        call = (self, None, statement, parameters, None, False)
        for begins in dispatch.before_cursor_execute:
            begins(*call)
        first: First | None = None
        try:
            first = self.send(statement, parameters)
        finally:
            if first is None:
                self._over(call)
        return functools.partial(self._finish, first, call)

    def _finish(self, first: First, call: tuple[Any, ...]) -> Sequence[Any] | None:
        try:
            return first()
        finally:
            self._over(call)

    def _over(self, call: tuple[Any, ...]) -> None:
        for ends in self.engine.dispatch.after_cursor_execute:
            ends(*call)

    @abstractmethod
    def send(self, statement: str, parameters: Sequence[Any]) -> First:
        """Hand it to the driver, and give what waits for its first row."""


def direct(engine: Engine, proxy: PoolProxiedConnection) -> Direct:
    """Give what runs statements on a connection of a pool."""
    return OnSqlite(engine, proxy) if engine.dialect.name == "sqlite" else OnPostgres(engine, proxy)


class OnSqlite(Direct):
    """On a connection to SQLite, whose driver keeps statements prepared by their text."""

    def send(self, statement: str, parameters: Sequence[Any]) -> First:
        """Run it, by the driver; nobody else does."""
        cursor = self.proxy.cursor()
        cursor.execute(statement, parameters)
        row: Sequence[Any] | None = cursor.fetchone()
        return lambda: row


class OnPostgres(Direct):
    """
    On a connection to PostgreSQL, by its own library: psycopg's cursor does more for a statement than the server does.

    What is prepared is remembered beside the connection, and prepared again should the server have forgotten it.
    """

    def __init__(self, engine: Engine, proxy: PoolProxiedConnection) -> None:
        super().__init__(engine, proxy)
        connection: Any = proxy.driver_connection
        self._connection = connection
        self._library = connection.pgconn
        self._arrivals = select.poll()
        self._arrivals.register(self._library.socket, select.POLLIN)
        # Behind a pooler, what is prepared in a session is not found in the next one.
        self._may_prepare = connection.prepare_threshold is not None
        if _OURS not in proxy.info:
            proxy.info[_OURS] = ({}, Transformer.from_context(connection))
        self._prepared: dict[str, bytes]
        self._types: Any
        self._prepared, self._types = proxy.info[_OURS]

    def is_open(self) -> bool:
        """Tell whether nothing is under way on it, and the server has said nothing: one that speaks says goodbye."""
        return self._library.transaction_status == TransactionStatus.IDLE and not self._arrivals.poll(0)

    def send(self, statement: str, parameters: Sequence[Any]) -> First:
        """Send it, by the library; a statement that is not prepared yet is prepared first."""
        printed = self._types.dump_sequence(parameters, [PyFormat.TEXT] * len(parameters))
        self._send(statement, printed)
        return functools.partial(self._first, statement, printed)

    def _first(self, statement: str, printed: Sequence[Any]) -> Sequence[Any] | None:
        result = self._result()
        state = result.error_field(DiagnosticField.SQLSTATE)
        if state in {_NO_SUCH_STATEMENT, _OUT_OF_DATE} and statement in self._prepared:
            # A rollback makes psycopg let go of all of them; a migration changed what it gives. It has not run.
            name = self._prepared.pop(statement)
            if state == _OUT_OF_DATE:
                self._library.send_query(b"DEALLOCATE " + name)
                _must_be_done(self._result())
            self._send(statement, printed)
            result = self._result()
        _must_be_done(result)
        if result.ntuples == 0:
            return None
        self._types.set_pgresult(result)
        row: Sequence[Any] | None = self._types.load_row(0, tuple)
        return row

    def _send(self, statement: str, printed: Sequence[Any]) -> None:
        if not self._may_prepare:
            self._library.send_query_params(statement.encode(), printed)
            return
        name = self._prepared.get(statement)
        if name is None:
            # Named by what it says: should the server know the name, it knows the statement.
            name = f"{_OURS}_{hashlib.sha256(statement.encode()).hexdigest()[:32]}".encode()
            self._library.send_prepare(name, statement.encode())
            made = self._result()
            if made.error_field(DiagnosticField.SQLSTATE) != _KNOWN_ALREADY:
                _must_be_done(made)
            self._prepared[statement] = name
        self._library.send_query_prepared(name, printed)

    def _result(self) -> Any:
        # The library's own way to wait knows no end; this one looks whether the server answers anybody.
        library, began, patience_seconds, result = self._library, time.monotonic(), FIRST_LOOK_SECONDS, None
        while True:
            while library.flush() or library.is_busy():
                if not self._arrivals.poll(patience_seconds * 1000):
                    self._connection.look(began)
                    patience_seconds = LOOK_EVERY_SECONDS
                library.consume_input()
            more = library.get_result()
            if more is None:
                return result
            result = more


def _must_be_done(result: Any) -> None:
    if result.status in _DONE:
        return
    said = result.error_field(DiagnosticField.MESSAGE_PRIMARY)
    if said is None or result.error_field(DiagnosticField.SQLSTATE) is None:
        # The library's own words: there is no server at the other end any more.
        raise errors.OperationalError(result.get_error_message())
    # Without the details, which quote the row.
    raise type(errors.error_from_result(result))(said.decode("utf-8", "replace"), info=result)
