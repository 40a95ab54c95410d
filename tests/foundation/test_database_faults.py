"""When the database is away, and when the fault is ours."""

import pytest
from sqlalchemy import Engine, create_engine, exc, text

from app.foundation.database import Database, engine_options, prepare, resolve_url
from app.foundation.errors import ConfigurationError, DatabaseAwayError
from tests.conftest import ROOT


def connect(url: str, timeout_seconds: int = 10) -> Engine:
    url = definite(url)
    engine = create_engine(url, **engine_options(url, pool_size=2, timeout_seconds=timeout_seconds))
    prepare(engine)
    return engine


def definite(url: str) -> str:
    resolved = resolve_url(url, ROOT)
    assert resolved is not None
    return resolved


@pytest.fixture
def engine(backend, new_database):
    """An engine as the server makes it, on a database of the test's own with one table and one row."""
    engine = connect(new_database(backend))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY, size INTEGER)"))
        connection.execute(text("INSERT INTO things VALUES (1, 1)"))
    yield engine
    engine.dispose()


@pytest.fixture
def database(engine):
    """The database under test."""
    return Database(engine)


def heard_of(engine):
    """Give a database, and the kinds of its faults as they are heard."""
    database = Database(engine)
    heard: list[str] = []
    database.listen(heard.append)
    return database, heard


def run(database, *statements):
    with database.statement() as connection:
        for each in statements:
            connection.execute(text(each))


def put(connection, size):
    connection.execute(text("UPDATE things SET size = :size"), {"size": size})


def size(database):
    with database.reading() as connection:
        return connection.execute(text("SELECT size FROM things")).scalar_one()


def test_a_lock_that_is_never_let_go_is_the_database_being_away(engine, database):
    """
    A21: patience ends, nothing is decided, and the caller may try again; then it works.
    """
    url = engine.url.render_as_string(hide_password=False)
    impatient, heard = heard_of(connect(url, timeout_seconds=1))
    with database.transaction() as holder:
        put(holder, 2)
        for block in (impatient.transaction, impatient.statement):
            with pytest.raises(DatabaseAwayError), block() as connection:
                put(connection, 3)

    with impatient.transaction() as connection:
        put(connection, 3)
    impatient.close()
    assert heard == ["timeout", "timeout"]
    assert size(database) == 3


@pytest.mark.parametrize("way", ["transaction", "reading", "statement"])
@pytest.mark.parametrize("url", ["postgresql://chalk:hidden@127.0.0.1:1/none", "sqlite:////dev/null/none.db"])
def test_a_database_out_of_reach_is_a_refusal(way, url, caplog):
    """
    A21, G9: whatever way the database is asked, its being away is said in one form, and its password in none.
    """
    url = resolve_url(url, ROOT)
    database, heard = heard_of(create_engine(url, **engine_options(url, pool_size=1, timeout_seconds=1)))

    with pytest.raises(DatabaseAwayError) as refusal, getattr(database, way)():
        pytest.fail("there is no such database")

    assert str(refusal.value) == "The service is temporarily unavailable"
    assert "hidden" not in caplog.text
    assert heard == ["away"]
    database.close()


# A full disk, and a standby that takes no writes; PostgreSQL is made to say so.
SAYS = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$"
FULL = {"sqlite": ["PRAGMA max_page_count = 1", "CREATE TABLE more (id INTEGER)"], "postgresql": [SAYS.format("53100")]}
UNWILLING = {"sqlite": ["PRAGMA query_only = ON", "UPDATE things SET size = 2"], "postgresql": [SAYS.format("25006")]}
CUT_OFF = ["SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1"]


def test_each_fault_is_heard_by_its_kind(engine, backend):
    """
    A21: an operator tells a full disk, a server that does not write and an empty pool from one that is away.
    """
    database, heard = heard_of(connect(engine.url.render_as_string(hide_password=False), timeout_seconds=1))

    with database.transaction(), database.reading(), pytest.raises(DatabaseAwayError), database.reading():
        pytest.fail("there are two connections")
    for statements in (FULL[backend], UNWILLING[backend], *([CUT_OFF] if backend == "postgresql" else [])):
        with pytest.raises(DatabaseAwayError):
            run(database, *statements)

    database.close()
    assert heard == ["no_connection", "resources", "other", *(["away"] if backend == "postgresql" else [])]


def test_a_fault_of_ours_is_not_the_database_being_away(engine):
    """
    A row that breaks a constraint, or a statement that makes no sense, is a bug to be told apart, never "try again".
    """
    database, heard = heard_of(engine)
    with pytest.raises(exc.IntegrityError), database.transaction() as connection:
        connection.execute(text("INSERT INTO things VALUES (1, 1)"))
    for wrong in ("SELECT colour FROM things", "SELECT FROM WHERE"):
        with pytest.raises(exc.DBAPIError), database.transaction() as connection:
            connection.execute(text(wrong))
    assert heard == []


def test_a_database_without_tables_names_the_command_that_makes_them(database):
    """
    Who forgot to migrate reads it at once; to try again would not help.
    """
    with pytest.raises(ConfigurationError, match="chalk-auth db upgrade"), database.reading() as connection:
        connection.execute(text("SELECT * FROM tables_of_ours"))


def test_a_server_that_closed_an_idle_connection_fails_no_request(new_database):
    """
    A21: PostgreSQL was restarted while nobody asked; the next request opens a connection anew, and succeeds.
    """
    url = new_database("postgresql")
    pooled, other = Database(connect(url)), connect(url)
    for way in (pooled.transaction, pooled.reading, pooled.statement):
        with pooled.transaction() as connection:
            connection.execute(text("SELECT 1"))
        with other.begin() as connection:
            ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
            connection.execute(text(f"{ended} AND pid <> pg_backend_pid()"))

        with way() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
    pooled.close()
    other.dispose()
