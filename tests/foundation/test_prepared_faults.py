"""When the database is away, or the fault is ours, and the drivers themselves ran the statement."""

import contextlib
import os
import socket
from uuid import UUID

import pytest
from sqlalchemy import Integer, bindparam, exc, func, literal, select, text, update

from app.foundation.database import Database, Prepared
from app.foundation.errors import DatabaseAwayError
from tests.foundation.test_database import connect
from tests.foundation.test_prepared import (
    GET,
    GROW,
    ID,
    PUT,
    THING,
    THINGS,
    assert_gave_all_back,
    by_sqlalchemy,
    direct,
    first,
    run,
)

SECRET = "nobody may read this"
SECONDS, PID = bindparam("seconds", type_=Integer), bindparam("pid", type_=Integer)
SLEEP = Prepared(lambda _: select(literal(1).label("one"), func.pg_sleep(SECONDS).label("x")))
END = Prepared(lambda _: select(func.pg_terminate_backend(PID, 5000).label("ended")))


@pytest.fixture
def engine(backend, new_database):
    """An engine as the server makes it, but impatient, on a database of the test's own with one table."""
    engine = connect(new_database(backend), timeout_seconds=1)
    THINGS.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql(new_database):
    """The same, on PostgreSQL only."""
    engine = connect(new_database("postgresql"), timeout_seconds=1)
    THINGS.metadata.create_all(engine)
    yield engine
    engine.dispose()


def run_in_a_hurry(engine, statement, **values):
    with direct(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.proxy.execute("PRAGMA busy_timeout = 100")
        else:
            connection._library.exec_(b"SET lock_timeout = 100; SET statement_timeout = 200")
        return statement.first(connection, values)


def run_while(engine, breaking, statement, **values):
    with direct(engine) as connection:
        breaking(connection._library)
        return statement.first(connection, values)


def test_what_cannot_be_written_is_refused_as_by_sqlalchemy(engine, backend, caplog):
    """
    A fault of ours is of the same class as ever, and quotes neither a parameter nor a row that is in its way.
    """
    run(engine, PUT, **{**THING, "new_name": SECRET})
    twice, nothing = {**THING, "new_id": UUID(int=1), "new_name": SECRET}, {**THING, "new_name": None, "new_mac": b"S"}
    for thing in (twice, nothing):
        with pytest.raises(exc.IntegrityError) as ours:
            run(engine, PUT, **thing)
        with pytest.raises(exc.IntegrityError) as theirs:
            by_sqlalchemy(engine, PUT, **thing)
        assert type(ours.value.orig) is type(theirs.value.orig)
        assert getattr(ours.value.orig, "sqlstate", None) == getattr(theirs.value.orig, "sqlstate", None)
        told = f"{ours.value!r} {ours.value} {ours.value.orig} {ours.value.__cause__!r}"
        assert "constraint" in told
        assert not any(part in told for part in (SECRET, "Key (", "Failing row", str(ID), "2026"))
    if backend == "postgresql":
        with pytest.raises(exc.DataError, match="NUL"):
            run(engine, PUT, **{**THING, "new_name": "a\0b"})

    assert SECRET not in caplog.text
    assert_gave_all_back(engine)


def test_a_lock_that_is_never_let_go_is_the_database_being_away(engine):
    """
    A21: patience ends, nothing was done, and the connection is good for the next.
    """
    run(engine, PUT, **THING)
    with Database(engine).transaction() as holder:
        holder.execute(update(THINGS).values(size=1))
        with pytest.raises(DatabaseAwayError):
            run_in_a_hurry(engine, GROW, new_id=ID, more=0)

    assert run(engine, GROW, new_id=ID, more=0).size == 2
    assert_gave_all_back(engine)


def test_a_statement_that_takes_too_long_is_the_database_being_away(postgresql):
    """
    A21: the same for one that the server works on for too long.
    """
    with pytest.raises(DatabaseAwayError):
        run_in_a_hurry(postgresql, SLEEP, seconds=5)

    assert run(postgresql, SLEEP, seconds=0).one == 1
    assert_gave_all_back(postgresql)


@pytest.mark.parametrize("forget", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_what_the_server_has_forgotten_is_prepared_again_and_runs_once(postgresql, forget):
    """
    A rollback on the same connection makes the driver forget; a claim is still made once, and answered.
    """
    run(postgresql, PUT, **THING)
    with direct(postgresql) as connection:
        assert first(connection, GROW, new_id=ID, more=0).size == -6
        connection._library.exec_(forget.encode())
        assert [first(connection, GROW, new_id=ID, more=0).size for _ in range(2)] == [-5, -4]


def test_what_the_server_knows_already_is_not_prepared_again(postgresql):
    """
    Should we have forgotten what a connection has prepared, it runs all the same.
    """
    run(postgresql, PUT, **THING)
    for _ in range(2):
        with direct(postgresql) as connection:
            connection._prepared.clear()
            assert first(connection, GET, new_id=ID).size == -7


def test_a_migration_under_a_running_server_fails_no_statement(postgresql):
    """
    What was prepared before a column changed its type is prepared anew, and gives what the column gives now.
    """
    run(postgresql, PUT, **THING)
    assert run(postgresql, GROW, new_id=ID, more=0).size == -6
    with Database(postgresql).transaction() as connection:
        connection.execute(text("ALTER TABLE things ALTER COLUMN size TYPE bigint"))

    assert [run(postgresql, GROW, new_id=ID, more=0).size for _ in range(2)] == [-5, -4]


def hang_up(library):
    with contextlib.closing(socket.socket(fileno=os.dup(library.socket))) as line:
        line.shutdown(socket.SHUT_RDWR)


def test_a_connection_that_ends_under_a_statement_is_away_and_replaced(postgresql, caplog):
    """
    A21: whether the server says goodbye or the network just ends: 503 and not a bug; the next has a new connection.
    """
    run(postgresql, PUT, **THING)
    for breaking in (hang_up, lambda library: run(postgresql, END, pid=library.backend_pid)):
        with pytest.raises(DatabaseAwayError):
            run_while(postgresql, breaking, GROW, new_id=ID, more=0)

        assert run(postgresql, GET, new_id=ID).size == -7
        assert_gave_all_back(postgresql)
    # Nobody tries to roll it back, and writes a stack trace for each that fails.
    assert "during reset" not in caplog.text
