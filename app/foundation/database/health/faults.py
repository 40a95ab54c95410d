"""What may be wrong with a database, told apart by what its driver says."""

import sqlite3
from typing import Literal

from sqlalchemy import exc

Fault = Literal["away", "no_connection", "other", "resources", "timeout"]

# What the driver raises when the server is gone, refuses, or cannot write; a fault in a statement of ours is not here.
_AWAY = (exc.OperationalError, exc.InterfaceError, exc.InternalError)

# By the beginning of PostgreSQL's SQLSTATE (appendix A of its manual).
_SQLSTATES: dict[str, Fault] = {
    "08": "away",  # connection_exception
    "57P": "away",  # shut down, crashed, starting, or its database dropped
    "3D": "away",  # no such database
    "28": "away",  # our user or password is not let in
    "57014": "timeout",  # statement_timeout
    "55P03": "timeout",  # lock_timeout
    "53": "resources",  # disk, memory, or connections of the server
}
# The low byte of SQLite's result code.
_SQLITE: dict[int, Fault] = {
    sqlite3.SQLITE_CANTOPEN: "away",
    sqlite3.SQLITE_NOTADB: "away",
    sqlite3.SQLITE_BUSY: "timeout",
    sqlite3.SQLITE_LOCKED: "timeout",
    sqlite3.SQLITE_FULL: "resources",
    sqlite3.SQLITE_NOMEM: "resources",
}


def fault_of(error: exc.DBAPIError) -> Fault:
    """
    Tell a fault of the database by its kind.

    Returns:
        `away`: it cannot be reached, or the connection was cut off; `timeout`: a statement or a lock took too long;
        `resources`: its disk is full, or it takes no more connections; `other`: the log says what.
        (`no_connection` is of the pool: none of ours became free.)
    """
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF, "other")
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # It said nothing at all.
        return "away"
    return next((kind for beginning, kind in _SQLSTATES.items() if state.startswith(beginning)), "other")


def is_our_fault(error: exc.DBAPIError) -> bool:
    """Tell whether a statement of ours makes no sense, and the database is well."""
    # SQLite's driver has one class for a locked database and for a statement that makes no sense.
    nonsense = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return nonsense or not isinstance(error, _AWAY)


def lacks_tables(error: exc.DBAPIError) -> bool:
    """Tell whether a table of ours is not there."""
    # UndefinedTable; SQLite has words only.
    return getattr(error.orig, "sqlstate", None) == "42P01" or str(error.orig).startswith("no such table")
