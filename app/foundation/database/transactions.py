"""
Begin and end transactions.

Statements run on Core connections, not ORM sessions: a claim is one visible SQL statement
(docs/decisions/0003-core-connections.md).
"""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator

from sqlalchemy import Engine, exc
from sqlalchemy.engine import Connection

from app.foundation.database.silence import Silence, SilentError
from app.foundation.errors import ConfigurationError, DatabaseAwayError

_LOG = logging.getLogger(__name__)

# What the driver raises when the server is gone, refuses, or cannot write; a fault in a statement of ours is not here.
_AWAY = (exc.OperationalError, exc.InterfaceError, exc.InternalError)


_AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}


class Database:
    """The only way to touch the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._silence = Silence()
        if engine.dialect.name == "postgresql":
            self._silence.watch(engine)
        self._reading = engine.execution_options(chalk_begin="BEGIN DEFERRED")
        # One statement is its own transaction: no BEGIN and COMMIT around it, which halves its cost on a network.
        on_sqlite = engine.dialect.name == "sqlite"
        self._statement = engine.execution_options(**({"chalk_begin": None} if on_sqlite else _AUTOCOMMIT))

    def close(self) -> None:
        """Close the connections that nobody uses; the next transaction opens new ones."""
        self._engine.dispose()

    @staticmethod
    @contextlib.contextmanager
    def guard() -> Iterator[None]:
        """
        Say faults of the database as refusals; for whoever works on the engine itself, as migrations do.

        Raises:
            DatabaseAwayError: it could not be reached or could not answer.
            ConfigurationError: it does not have our tables.
        """
        try:
            yield
        except exc.DBAPIError as error:
            if _lacks_tables(error):
                raise ConfigurationError("The database does not have our tables. Run: chalk-auth db upgrade") from error
            if not isinstance(error, _AWAY) or _is_our_fault(error):
                raise
            # The driver's first line says it; a stack trace for each request of an outage would bury it.
            _LOG.error("the database did not answer: %s", str(error.orig).partition("\n")[0])
            raise DatabaseAwayError from error
        except exc.TimeoutError as error:
            _LOG.error("no connection to the database became free")
            raise DatabaseAwayError from error

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            self._silence.must_not_be()
        except SilentError as error:
            raise DatabaseAwayError from error
        with self.guard():
            yield

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """
        Begin a transaction; commit at the end of the block, roll back when it raises.

        Raises:
            DatabaseAwayError: the database could not be reached or could not answer.
        """
        with self._asked(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Like `transaction()`, for blocks that only read: on SQLite, they do not wait for a writer."""
        with self._asked(), self._reading.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def statement(self) -> Iterator[Connection]:
        """Like `transaction()`, for a block of exactly one statement, which commits by itself."""
        with self._asked(), self._statement.connect() as connection:
            yield connection


def _lacks_tables(error: exc.DBAPIError) -> bool:
    # UndefinedTable; SQLite has words only.
    return getattr(error.orig, "sqlstate", None) == "42P01" or str(error.orig).startswith("no such table")


def _is_our_fault(error: exc.DBAPIError) -> bool:
    # SQLite's driver has one class for a locked database and for a statement that makes no sense.
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
