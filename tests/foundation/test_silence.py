"""A database that says nothing is not waited for; one that takes its time is."""

import os
import signal
import threading
import time

import pytest
from sqlalchemy import create_engine, text

from app.foundation.database import Database, engine_options, resolve_url
from app.foundation.errors import DatabaseAwayError
from tests.conftest import ROOT


@pytest.fixture
def database(new_database):
    """A PostgreSQL, and three seconds of patience with it."""
    url = resolve_url(new_database("postgresql"), ROOT)
    assert url is not None
    made = Database(create_engine(url, **engine_options(url, pool_size=2, timeout_seconds=3)))
    yield made
    made.close()


def test_a_statement_that_takes_its_time_is_waited_for(database):
    """
    A21: after a second somebody asks whether the server answers at all; it does.
    """
    with database.statement() as connection:
        assert connection.execute(text("SELECT 1 FROM pg_sleep(1.5)")).scalar_one() == 1


def test_one_connection_that_says_nothing_is_given_up(database):
    """
    A21: the server answers others, and goes on being asked; the one ends with the patience, although the server's own
    timeouts do not work, and its connection is not used again.
    """
    with database.reading() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    began = time.monotonic()
    os.kill(backend, signal.SIGSTOP)
    # Whoever waits for it for ever is to fail, not to hang.
    alarm = threading.Timer(15, os.kill, (backend, signal.SIGCONT))
    alarm.start()
    try:
        with pytest.raises(DatabaseAwayError), database.transaction() as connection:
            connection.execute(text("SELECT 1"))
        took = time.monotonic() - began

        with database.transaction() as connection:
            assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != backend
    finally:
        alarm.cancel()
        os.kill(backend, signal.SIGCONT)

    assert 3.5 < took < 10
