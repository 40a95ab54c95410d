"""Statements that the drivers run themselves: what they give, and what becomes of their connections."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    insert,
    literal,
    select,
    update,
)

from app.foundation.database import Database, Prepared, UtcDateTime
from tests.foundation.test_database import connect

THINGS = Table(
    "things",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("at", UtcDateTime),
    Column("ready", Boolean),
    Column("mac", LargeBinary),
    Column("size", Integer),
)
COLUMNS = tuple(THINGS.c)
ID = UUID("0196f3a1-0000-7000-8000-00000000abcd")
AT = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)
ODD = "it's \"100%\" %s %(x)s :name $1 ? \\ \\x00 \\' {} ü 漢 \U0001f511 \t\n"
THING = {"new_id": ID, "new_name": ODD, "new_at": AT, "is_ready": True, "new_mac": b"\x00\\'%s\xff", "new_size": -7}


def given(name, column):
    return bindparam(name, type_=column.type)


NEW = dict(zip(COLUMNS, (given(name, column) for name, column in zip(THING, COLUMNS, strict=True)), strict=True))
PUT = Prepared(lambda _: insert(THINGS).values(NEW).returning(*COLUMNS))
GET = Prepared(lambda _: select(*COLUMNS, literal("50%:x").label("constant")).where(THINGS.c.id == NEW[THINGS.c.id]))
GROW = Prepared(
    lambda _: (
        update(THINGS)
        .values(size=THINGS.c.size + 1 + given("more", THINGS.c.size) % 10)
        .where(THINGS.c.id == NEW[THINGS.c.id])
        .returning(THINGS.c.size)
    )
)


@pytest.fixture
def engine(backend, new_database):
    """An engine as the server makes it, but impatient, on a database of the test's own with one table."""
    engine = connect(new_database(backend), timeout_seconds=1)
    THINGS.metadata.create_all(engine)
    yield engine
    engine.dispose()


def direct(engine):
    return Database(engine).direct()


def first(connection, statement, **values):
    return statement.first(connection, values)


def run(engine, statement, **values):
    with direct(engine) as connection:
        return statement.first(connection, values)


def by_sqlalchemy(engine, statement, **values):
    with Database(engine).statement() as connection:
        return statement.first(connection, values)


def assert_gave_all_back(engine):
    assert engine.pool.checkedout() == 0
    assert run(engine, GET, new_id=UUID(int=0)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict.fromkeys(["new_at", "is_ready", "new_mac", "new_size"]),
        {"is_ready": False, "new_mac": b"", "new_size": 0, "new_name": ""},
        {"new_at": AT.replace(microsecond=0).astimezone(timezone(timedelta(hours=-5.5)))},
    ],
)
def test_rows_are_those_that_sqlalchemy_gives(engine, changes):
    """
    I7: the same values of the same types, whoever wrote them and whoever reads them; nothing in a text is a statement.
    """
    thing = {**THING, **changes}

    made = run(engine, PUT, **thing)
    rows = [run(engine, GET, new_id=ID), by_sqlalchemy(engine, GET, new_id=ID)]

    assert tuple(made) == tuple(thing.values())
    for row in rows:
        assert tuple(row) == (*made, "50%:x")
        assert [type(value) for value in row[:-1]] == [type(value) for value in made]
        assert (row.id, row.name, row.constant) == (ID, thing["new_name"], "50%:x")
    assert made.at is None or made.at.utcoffset() == timedelta(0)
    assert run(engine, GET, new_id=UUID(int=0)) is None


def test_each_statement_commits_by_itself(engine):
    """
    G10: what was answered is there for every other connection, before the block ends, and however the block ends.
    """
    run(engine, PUT, **THING)
    with contextlib.suppress(ZeroDivisionError), direct(engine) as connection:
        assert first(connection, GROW, new_id=ID, more=12).size == -4
        assert by_sqlalchemy(engine, GET, new_id=ID).size == -4
        assert engine.pool.checkedout() == 1
        raise ZeroDivisionError

    assert run(engine, GET, new_id=ID).size == -4
    assert_gave_all_back(engine)


def test_a_parameter_that_is_forgotten_is_no_null(engine):
    """
    A NULL in its place would mean something else; it is a bug, and said to be one.
    """
    run(engine, PUT, **THING)
    for statement, values in ((GROW, {"more": 1}), (PUT, {"new_id": UUID(int=1), "new_name": "x"})):
        with pytest.raises(KeyError):
            run(engine, statement, **values)

    assert_gave_all_back(engine)
