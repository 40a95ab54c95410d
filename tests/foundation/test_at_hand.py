"""Connections that are kept at hand for single statements: nobody waits for one, and none that ended is used."""

import contextlib
import threading
from typing import Any

import pytest
from sqlalchemy import Integer, bindparam, event, func, literal, select, text

from app.foundation.database import Database, Prepared
from app.foundation.errors import DatabaseAwayError
from tests.foundation.test_database import connect

ONE = Prepared(lambda _: select(literal(1).label("one")))
END = Prepared(lambda _: select(func.pg_terminate_backend(bindparam("pid", type_=Integer), 5000).label("ended")))


@contextlib.contextmanager
def a_database(url, size):
    """Give a database with so many connections, and what its pool was asked for."""
    engine = connect(url, timeout_seconds=1, pool_size=size)
    asked: list[str] = []
    event.listen(engine, "checkout", lambda *_: asked.append("checkout"))
    database = Database(engine)
    yield database, engine, asked
    database.close()


@pytest.fixture
def three(backend, new_database):
    """A database with three connections."""
    with a_database(new_database(backend), 3) as given:
        yield given


def one(database):
    with database.direct() as connection:
        return (ONE.first(connection, {}) or [0])[0]


def in_a_thread(work):
    """Do it in another thread, while this one goes on; gives what waits for it."""
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()

    def result():
        thread.join(30)
        return done[0]

    return result


def test_single_statements_ask_the_pool_once(three):
    """
    I7: one after the other they run on one connection, which is told as idle meanwhile.
    """
    database, _, asked = three

    assert [one(database) for _ in range(5)] == [1] * 5

    assert asked == ["checkout"]
    assert (database.pool.in_use, database.pool.idle) == (0, 1)
    with database.direct():
        assert (database.pool.in_use, database.pool.idle) == (1, 0)


def test_a_transaction_is_given_what_is_at_hand(three):
    """
    A21: a connection that is kept is not one less for the others: as many transactions as ever run at once.
    """
    database, engine, _ = three
    with database.direct(), database.direct():
        pass
    assert (engine.pool.checkedout(), database.pool.idle) == (2, 2)

    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(database.reading())
        assert (database.pool.in_use, database.pool.idle) == (3, 0)


def test_who_waits_for_a_connection_gets_the_next_one(three):
    """
    A21: while the pool has none left, nothing is kept.
    """
    database, engine, _ = three
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(database.direct())
        waiting = in_a_thread(lambda: one(database))
    assert waiting() == 1

    assert engine.pool.checkedout() < 3


def test_the_only_connection_of_a_pool_is_everybodys(backend, new_database):
    """
    A21: it is never kept.
    """
    with a_database(new_database(backend), 1) as (database, engine, _):
        assert one(database) == 1
        assert engine.pool.checkedout() == 0
        with database.reading() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_refusal_leaves_a_connection_at_hand_and_any_other_fault_does_not(three):
    """
    A21: what a story refuses says nothing of its connection; what nobody foresaw may have left a statement half done.
    """
    database, engine, _ = three

    with pytest.raises(DatabaseAwayError), database.direct():
        raise DatabaseAwayError
    assert (engine.pool.checkedout(), database.pool.idle) == (1, 1)

    with pytest.raises(KeyError), database.direct():
        raise KeyError
    assert engine.pool.checkedout() == 0


def test_nothing_is_left_open_when_the_database_is_closed(three):
    """
    A21: what is at hand is closed with the rest, and the next statement opens another.
    """
    database, engine, asked = three
    one(database)

    database.close()

    assert (engine.pool.checkedout(), engine.pool.checkedin()) == (0, 0)
    assert one(database) == 1
    assert asked == ["checkout"] * 2


def test_one_that_the_server_has_closed_is_not_used(new_database):
    """
    A21: a connection that ended while it was at hand fails no statement.
    """
    url = new_database("postgresql")
    with a_database(url, 3) as (database, engine, _), a_database(url, 1) as (killer, _, _):
        with database.direct() as connection:
            pid = connection.proxy.driver_connection.info.backend_pid
        assert database.pool.idle == engine.pool.checkedout() == 1

        with killer.direct() as connection:
            assert END.first(connection, {"pid": pid}) == (True,)

        assert one(database) == 1


def test_a_statement_that_is_under_way_is_nobody_elses(new_database):
    """
    A21: a connection on which somebody has begun a statement, and not waited for it, is not at hand.
    """
    with a_database(new_database("postgresql"), 3) as (database, _, _):
        with contextlib.suppress(DatabaseAwayError), database.direct() as connection:
            ONE.begin(connection, {})
            raise DatabaseAwayError

        assert one(database) == 1


def test_what_is_kept_in_the_moment_in_which_the_last_other_goes_is_given_back(three):
    """
    A21: between the look at the pool and the keeping, another thread may take what was left; the next one waits for
    nothing that is kept.
    """
    database, engine, _ = three
    taken: list[Any] = []

    class Kept(list[Any]):
        def append(self, used):
            super().append(used)
            taken.extend(engine.raw_connection() for _ in range(2))

    database._at_hand._kept = Kept()
    one(database)

    assert (len(taken), engine.pool.checkedout()) == (2, 2)
    for each in taken:
        each.close()
