"""
Begin and end transactions.

Statements run on Core connections, not ORM sessions: a claim is one visible SQL statement
(docs/decisions/0003-core-connections.md).
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import NoReturn

from sqlalchemy import Engine, exc, text
from sqlalchemy.engine import Connection

from app.foundation.database.engine import observe
from app.foundation.database.health.faults import Fault, fault_of, is_our_fault, lacks_tables
from app.foundation.database.health.pool import Pool, pool_of
from app.foundation.database.health.silence import Silence, SilentError
from app.foundation.database.hot.at_hand import AtHand
from app.foundation.database.hot.direct import Direct
from app.foundation.errors import ConfigurationError, DatabaseAwayError, ServiceError

_LOG = logging.getLogger(__name__)


class Database:
    """The only way to touch the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._silence = Silence()
        if engine.dialect.name == "postgresql":
            self._silence.watch(engine)
        self._reading = engine.execution_options(chalk_begin="BEGIN DEFERRED")
        # One statement is its own transaction: no BEGIN and COMMIT around it, which halves its cost on a network.
        self._statement = engine.execution_options(chalk_begin=None)
        self._at_hand = AtHand(engine)
        self._heard: Callable[[Fault], object] = lambda _: None

    def listen(self, heard: Callable[[Fault], object]) -> None:
        """Let every fault for which a transaction is refused be heard, by its kind."""
        self._heard = heard

    def observe(self, begin: Callable[[str, str], Callable[[], object]]) -> None:
        """Let somebody know of every statement: see `observe` in `engine.py`."""
        observe(self._engine, begin)

    @property
    def is_shared(self) -> bool:
        """Tell whether several machines can use it at once."""
        return self._engine.dialect.name != "sqlite"

    @property
    def pool(self) -> Pool:
        """Give what this process holds of the database now; it asks nobody."""
        return pool_of(self._engine, kept=len(self._at_hand))

    def close(self) -> None:
        """Close the connections that nobody uses; the next transaction opens new ones."""
        self._at_hand.close()
        self._engine.dispose()

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """
        Say faults of the database as refusals; for whoever works on the engine itself, as migrations do.

        Raises:
            DatabaseAwayError: it could not be reached or could not answer.
            ConfigurationError: it does not have our tables.
        """
        try:
            yield
        except exc.DBAPIError as error:
            if lacks_tables(error):
                raise ConfigurationError("The database does not have our tables. Run: chalk-auth db upgrade") from error
            if is_our_fault(error):
                raise
            self._heard(fault_of(error))
            # The driver's first line says it; a stack trace for each request of an outage would bury it.
            _LOG.error("the database did not answer: %s", str(error.orig).partition("\n")[0])
            raise DatabaseAwayError from error
        except exc.TimeoutError as error:
            self._heard("no_connection")
            _LOG.error("no connection to the database became free")
            raise DatabaseAwayError from error

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        self.must_not_be_silent()
        self._at_hand.let_go()
        with self.guard():
            yield

    def must_not_be_silent(self) -> None:
        """Refuse what would wait in vain; raises DatabaseAwayError."""
        try:
            self._silence.must_not_be()
        except SilentError as error:
            self._heard("away")
            raise DatabaseAwayError from error

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

    def direct(self) -> "_OneByOne":
        """
        Like `statement()`, for prepared statements, each of which commits by itself; SQLAlchemy does nothing around
        them.
        """
        return _OneByOne(self._engine, self, self._at_hand)


class _OneByOne:
    """The block of `Database.direct()`; a generator for it would cost as much as the connection."""

    def __init__(self, engine: Engine, database: Database, at_hand: AtHand) -> None:
        self._engine = engine
        self._database = database
        self._at_hand = at_hand
        self._direct: Direct | None = None

    def __enter__(self) -> Direct:
        self._database.must_not_be_silent()
        try:
            self._direct = self._at_hand.take()
        except (self._engine.dialect.loaded_dbapi.Error, exc.TimeoutError) as error:
            self._refuse(error)
        return self._direct

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        used = self._direct
        if used is None:
            return
        if error is None or isinstance(error, ServiceError):
            self._at_hand.give_back(used)
            return
        try:
            if isinstance(error, self._engine.dialect.loaded_dbapi.Error):
                if self._engine.dialect.is_disconnect(error, used.proxy.driver_connection, None):
                    used.proxy.invalidate(error)
                self._refuse(error)
        finally:
            used.proxy.close()

    def _refuse(self, error: Exception) -> NoReturn:
        # Said as SQLAlchemy says it, and then as everywhere.
        driver = self._engine.dialect.loaded_dbapi
        with self._database.guard():
            if isinstance(error, exc.TimeoutError):
                raise error
            raise exc.DBAPIError.instance(
                None, None, error, driver.Error, hide_parameters=True, dialect=self._engine.dialect
            ) from error


def take_time(connection: Connection) -> None:
    """Let the statements of this transaction take longer than those of a request may; for an operator's commands."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
