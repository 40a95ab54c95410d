"""
The database: one declarative base, one way to begin and end a transaction, on SQLite and PostgreSQL alike.

Statements run on Core connections, not ORM sessions: a claim is one visible SQL statement
(docs/decisions/0003-core-connections.md).
"""

import contextlib
import logging
import select
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, event, exc, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from app.foundation.errors import ConfigurationError, DatabaseAwayError

__all__ = ["Base", "Connection", "Database", "UtcDateTime", "engine_options", "prepare", "resolve_url"]

_LOG = logging.getLogger(__name__)

# What the driver raises when the server is gone, refuses, or cannot write; a fault in a statement of ours is not here.
_AWAY = (exc.OperationalError, exc.InterfaceError, exc.InternalError)


_AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}


class Base(DeclarativeBase):
    """The root of every table; constraint names follow one rule, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC: `timestamptz` on PostgreSQL, sortable text on SQLite, microseconds on both."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive moment; on SQLite, store the UTC reading."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment back in UTC, whatever the connection's time zone is."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Database:
    """The only way to touch the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
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
    def transaction(self) -> Iterator[Connection]:
        """
        Begin a transaction; commit at the end of the block, roll back when it raises.

        Raises:
            DatabaseAwayError: the database could not be reached or could not answer.
        """
        with self.guard(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Like `transaction()`, for blocks that only read: on SQLite, they do not wait for a writer."""
        with self.guard(), self._reading.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def statement(self) -> Iterator[Connection]:
        """Like `transaction()`, for a block of exactly one statement, which commits by itself."""
        with self.guard(), self._statement.connect() as connection:
            yield connection


def _lacks_tables(error: exc.DBAPIError) -> bool:
    # UndefinedTable; SQLite has words only.
    return getattr(error.orig, "sqlstate", None) == "42P01" or str(error.orig).startswith("no such table")


def _is_our_fault(error: exc.DBAPIError) -> bool:
    # SQLite's driver has one class for a locked database and for a statement that makes no sense.
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def resolve_url(given: str, root: Path) -> str | None:
    """
    Make a database URL definite: the driver named, a relative SQLite path laid under `root`.

    None when it is not one of a SQLite file or a PostgreSQL database; in memory, nothing would be kept.
    """
    try:
        url = make_url(given)
    except (exc.ArgumentError, ValueError):
        return None

    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url.set(database=str((root / url.database).resolve())).render_as_string()
    return None


def engine_options(url: str, *, pool_size: int, timeout_seconds: int) -> dict[str, Any]:
    """
    Give the options of `sqlalchemy.create_engine` for this database.

    Args:
        url: as `resolve_url` printed it.
        pool_size: connections that a process keeps, and at most has.
        timeout_seconds: how long to wait for a connection, a lock or a statement before the database counts as away.
    """
    # Parameters hold MACs and names of people's things; a log of a failed statement does without them.
    pool = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": timeout_seconds, "hide_parameters": True}
    if make_url(url).get_backend_name() == "sqlite":
        driver = {"timeout": timeout_seconds, "check_same_thread": False, "isolation_level": None}
        return pool | {"connect_args": driver}

    milliseconds = timeout_seconds * 1000
    # The isolation is ours to choose: what ends an authority must see what was committed while it waited for a lock.
    server = (
        f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c TimeZone=UTC "
        "-c default_transaction_isolation=read\\ committed"
    )
    client = {"connect_timeout": timeout_seconds, "tcp_user_timeout": milliseconds, "keepalives_idle": timeout_seconds}
    return pool | {"connect_args": {"options": server, **client}}


def prepare(engine: Engine) -> None:
    """
    Make SQLite keep what it acknowledged, check foreign keys, and let writers queue; make a pool of connections to
    PostgreSQL notice that the server has closed one.
    """
    if engine.dialect.name != "sqlite":
        event.listen(engine, "checkout", _refuse_closed)
        return

    folder = Path(engine.url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The database cannot lie in {folder}: {error.strerror}") from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _refuse_closed(connection: Any, record: Any, _proxy: Any) -> None:
    # An idle connection has nothing to read. If there is something, the server has said goodbye, while it was
    # restarted for example: the pool opens a new one, and no request fails for it. It costs no round trip.
    if record.info.setdefault("is_new", True):
        record.info["is_new"] = False
        return
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    if socket.poll(0):
        raise exc.DisconnectionError


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # The driver does not begin (isolation_level=None), we do. A writer takes the lock before it reads: a transaction
    # that upgrades from reading to writing fails at once when another wrote meanwhile, without waiting.
    begin = connection.get_execution_options().get("chalk_begin", "BEGIN IMMEDIATE")
    if begin is not None:
        connection.exec_driver_sql(begin)
