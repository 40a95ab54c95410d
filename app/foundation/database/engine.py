"""How an engine reaches SQLite or PostgreSQL, and what each needs to keep what it acknowledged."""

import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event, exc, make_url
from sqlalchemy.engine import Connection, ExceptionContext

from app.foundation.errors import ConfigurationError

# What a connection of ours is called in pg_stat_activity.
APPLICATION = "chalk-auth"
_ENDS = "what is called when the statement is over"


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


def engine_options(url: str, *, pool_size: int, timeout_seconds: int, by_transaction: bool = False) -> dict[str, Any]:
    """
    Give the options of `sqlalchemy.create_engine` for this database.

    Args:
        url: as `resolve_url` printed it.
        pool_size: connections that a process keeps, and at most has.
        timeout_seconds: how long to wait for a connection, a lock or a statement before the database counts as away.
        by_transaction: a pooler gives us another session of PostgreSQL for each transaction, so that nothing can be
            told to one, nor prepared in it; the role has to have the timeouts.
    """
    # Parameters hold MACs and names of people's things; a log of a failed statement does without them.
    pool: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": timeout_seconds,
        "hide_parameters": True,
    }
    # `_end` does that, and asks first whether there is anything to do.
    pool |= {"pool_reset_on_return": None}
    if make_url(url).get_backend_name() == "sqlite":
        driver = {"timeout": timeout_seconds, "check_same_thread": False, "isolation_level": None}
        return pool | {"connect_args": driver}

    milliseconds = timeout_seconds * 1000
    client = {
        "application_name": APPLICATION,
        "connect_timeout": timeout_seconds,
        "tcp_user_timeout": milliseconds,
        "keepalives_idle": timeout_seconds,
    }
    if by_transaction:
        return pool | {"connect_args": {"prepare_threshold": None, **client}}
    # The isolation is ours to choose: what ends an authority must see what was committed while it waited for a lock.
    server = (
        f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c TimeZone=UTC "
        "-c default_transaction_isolation=read\\ committed"
    )
    return pool | {"connect_args": {"options": server, **client}}


def prepare(engine: Engine) -> None:
    """
    Make SQLite keep what it acknowledged, check foreign keys, and let writers queue; make a pool of connections to
    PostgreSQL notice that the server has closed one.
    """
    event.listen(engine, "begin", _begin)
    event.listen(engine, "reset", _end)
    if engine.dialect.name != "sqlite":
        event.listen(engine, "connect", _begin_nothing)
        event.listen(engine, "checkout", _refuse_closed)
        return

    folder = Path(engine.url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The database cannot lie in {folder}: {error.strerror}") from error
    event.listen(engine, "connect", _prepare_sqlite)


def observe(engine: Engine, begin: Callable[[str, str], Callable[[], object]]) -> None:
    """
    Let somebody know of every statement.

    Args:
        engine: whose statements.
        begin: is given the kind of the database and the statement's text, without parameters, before it runs; what it
            gives back is called when it is over.
    """
    kind = engine.dialect.name

    def before(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        connection.info[_ENDS] = begin(kind, statement)

    def after(connection: Connection, *_: Any) -> None:
        connection.info.pop(_ENDS)()

    def failed(fault: ExceptionContext) -> None:
        if fault.connection is not None and not fault.connection.invalidated and _ENDS in fault.connection.info:
            fault.connection.info.pop(_ENDS)()

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


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


def _end(connection: Any, _record: Any, _state: Any) -> None:
    # Whoever gives a connection back has left nothing open, unless it failed.
    library = getattr(connection, "pgconn", None)
    if connection.in_transaction if library is None else library.transaction_status != TransactionStatus.IDLE:
        connection.rollback()


def _begin_nothing(connection: Any, _record: Any) -> None:
    connection.autocommit = True


def _begin(connection: Connection) -> None:
    # The driver does not begin, we do; a statement by itself needs no transaction around it. On SQLite, a writer takes
    # the lock before it reads: a transaction that upgrades from reading to writing fails at once when another wrote
    # meanwhile, without waiting.
    options = connection.get_execution_options()
    begin = options.get("chalk_begin", "BEGIN IMMEDIATE")
    if begin is not None and options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(begin if connection.dialect.name == "sqlite" else "BEGIN")
