"""The database: the same promises on SQLite and PostgreSQL."""

import contextlib
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, exc, insert, select, text, update

from app.foundation.database import Database, UtcDateTime, engine_options, prepare, resolve_url
from tests.conftest import ROOT

THINGS = Table("things", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcDateTime))
NOW = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)


def definite(url: str) -> str:
    resolved = resolve_url(url, ROOT)
    assert resolved is not None
    return resolved


def connect(url: str, timeout_seconds: int = 10, pool_size: int = 4) -> Engine:
    url = definite(url)
    engine = create_engine(url, **engine_options(url, pool_size=pool_size, timeout_seconds=timeout_seconds))
    prepare(engine)
    return engine


@pytest.fixture
def engine(backend, new_database):
    """An engine as the server makes it, on a database of the test's own with one table and one row."""
    engine = connect(new_database(backend))
    THINGS.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(THINGS).values(id=1, at=NOW))
    yield engine
    engine.dispose()


@pytest.fixture
def database(engine):
    """The database under test."""
    return Database(engine)


def moment(database):
    with database.reading() as connection:
        return connection.execute(select(THINGS.c.at).where(THINGS.c.id == 1)).scalar_one()


def fail(*_results):
    raise ZeroDivisionError


def put(connection, at):
    return connection.execute(update(THINGS).where(THINGS.c.id == 1).values(at=at))


@pytest.mark.parametrize("hours", [-12, -5.5, 0, 1, 14])
def test_a_moment_comes_back_as_the_same_moment_in_utc(database, hours):
    """
    I7: to the microsecond, whatever zone it was written in, on both databases.
    """
    with database.transaction() as connection:
        put(connection, NOW.astimezone(timezone(timedelta(hours=hours))))

    assert moment(database) == NOW
    assert moment(database).utcoffset() == timedelta(0)
    assert moment(database).microsecond == 999_999


def test_moments_are_compared_as_moments(database):
    """
    C7: a comparison in the database is exact to the microsecond, also across zones and where none is set.
    """
    east = timezone(timedelta(hours=9))
    with database.transaction() as connection:
        put(connection, None)
        assert connection.execute(select(THINGS.c.at)).scalar_one() is None
        put(connection, NOW)
        for offset, expected in [(-1, True), (0, False), (1, False)]:
            border = (NOW + timedelta(microseconds=offset)).astimezone(east)
            assert (connection.execute(select(THINGS.c.id).where(THINGS.c.at > border)).first() is not None) == expected


def test_a_moment_without_a_zone_is_refused(database):
    """
    Nobody can know what it means, so it is never stored and never compared with.
    """
    with database.transaction() as connection:
        for use in (
            lambda: put(connection, NOW.replace(tzinfo=None)),
            lambda: connection.execute(select(THINGS).where(THINGS.c.at > NOW.replace(tzinfo=None))),
        ):
            with pytest.raises(exc.StatementError, match="a moment without a time zone"):
                use()


def test_a_transaction_that_raises_leaves_nothing_behind(database):
    """
    What happens in a block happens as a whole, or not at all; the error reaches the caller as it was.
    """
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        fail(put(connection, None))

    assert moment(database) == NOW


def test_a_transaction_is_committed_at_its_end(database):
    """
    What is committed is there for every other connection.
    """
    with database.transaction() as connection:
        put(connection, None)
        assert moment(database) == NOW

    assert moment(database) is None


def test_a_single_statement_commits_by_itself(database):
    """
    G10: a claim holds from the moment it is answered, before its block ends.
    """
    statement = update(THINGS).where(THINGS.c.id == 1).values(at=None).returning(THINGS.c.id)
    with database.statement() as connection:
        assert connection.execute(statement).first() is not None
        assert moment(database) is None


def test_reading_does_not_wait_for_a_writer(database):
    """
    A long transaction holds up no look-up: it sees what was there before.
    """
    with database.transaction() as connection:
        put(connection, None)
        assert moment(database) == NOW


def test_many_threads_lose_no_write(database):
    """
    C3, I6: more threads than connections, each reading before it writes: all wait for their turn, none fails.
    """

    def work():
        for _ in range(10):
            with database.transaction() as connection:
                row = connection.execute(select(THINGS.c.at).where(THINGS.c.id == 1).with_for_update()).one()
                put(connection, row.at + timedelta(seconds=1))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert moment(database) == NOW + timedelta(seconds=80)


def test_sqlite_keeps_what_it_acknowledged(new_database):
    """
    G10: every connection of the pool journals ahead, waits for the disk, checks foreign keys and is patient.
    """
    engine = connect(new_database("sqlite"))
    idle = engine.execution_options(chalk_begin=None)
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}

    with contextlib.ExitStack() as stack:
        for connection in [stack.enter_context(idle.connect()) for _ in range(4)]:
            pragmas = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in expected}
            assert pragmas == expected
    engine.dispose()


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_behind_a_pooler_nothing_is_left_in_a_session(worker, backend):
    """
    With `CHALK_DATABASE_POOLER=transaction`, a session of PostgreSQL serves anybody: nothing is prepared in it, and its
    timeouts are the role's to say.
    """
    seen = {}
    for pooler in ("none", "transaction"):
        database = worker(DATABASE_POOLER=pooler, DATABASE_POOL_SIZE="1").database
        for _ in range(12):
            with database.statement() as connection:
                connection.execute(text("SELECT 1"))
        with database.reading() as connection:
            prepared = connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
            seen[pooler] = (connection.execute(text("SHOW statement_timeout")).scalar_one(), prepared > 0)

    assert seen == {"none": ("10s", True), "transaction": ("0", False)}
