"""Migrations make exactly the tables that the code declares, and can be undone."""

import contextlib

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.foundation.database import Base
from tests.conftest import ROOT, environment

MIGRATIONS = str(ROOT / "migrations")


@pytest.fixture
def url(backend, new_database):
    """An empty database."""
    return new_database(backend)


@contextlib.contextmanager
def application(url):
    """An application in its context, on this database."""
    app = create_app(environment(url), warm=False)
    with app.app_context():
        yield app
    wiring_of(app).tools.database.close()


@contextlib.contextmanager
def connection(url):
    """A connection of our own, not the application's."""
    engine = create_engine(environment(url).database.url)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def tables(url):
    with connection(url) as opened:
        return set(inspect(opened).get_table_names())


def test_migrations_make_the_tables_that_the_code_declares(url):
    """
    From nothing, migrations lead to the declared tables: columns, types, nullability, indexes and constraints.
    """
    with application(url):
        flask_migrate.upgrade(directory=MIGRATIONS)

    with connection(url) as opened:
        context = MigrationContext.configure(opened, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    assert tables(url) == {*Base.metadata.tables, "alembic_version"}


def test_the_comparison_sees_what_autogenerate_does_not(url):
    """
    Check constraints, partial indexes and PostgreSQL's storage options are the declared ones, too.
    """
    with application(url):
        flask_migrate.upgrade(directory=MIGRATIONS)

    with connection(url) as opened:
        migrated = constraints(opened)
        for table in reversed(Base.metadata.sorted_tables):
            table.drop(opened)
        Base.metadata.create_all(opened)
        assert constraints(opened) == migrated


def constraints(opened):
    """List what the database holds besides columns, as it prints it."""
    look, found = inspect(opened), dict[str, object]()
    for name in Base.metadata.tables:
        found[name] = (
            sorted((each["name"], each["sqltext"]) for each in look.get_check_constraints(name)),
            sorted(str(each) for each in look.get_foreign_keys(name)),
            sorted(str(each) for each in look.get_unique_constraints(name)),
            look.get_pk_constraint(name)["name"],
        )
    if opened.dialect.name == "postgresql":
        indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        options = "SELECT relname, reloptions FROM pg_class WHERE relkind = 'r' AND reloptions IS NOT NULL"
        found["options"] = sorted(str(row) for row in opened.execute(text(options)))
        assert "fillfactor=80" in str(found["options"])
    else:
        indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
    found["indexes"] = sorted(str(row) for row in opened.execute(text(indexes)))
    assert "WHERE" in str(found["indexes"])
    return found


def test_migrations_can_be_undone_and_done_again(url):
    """
    Down to nothing and up again, twice, on both databases.
    """
    with application(url):
        for _ in range(2):
            flask_migrate.upgrade(directory=MIGRATIONS)
            assert tables(url) >= Base.metadata.tables.keys()

            flask_migrate.downgrade(directory=MIGRATIONS, revision="base")
            assert tables(url) == {"alembic_version"}


def test_a_migration_that_was_done_is_not_done_again(url):
    """
    `db upgrade` may run at every start.
    """
    with application(url):
        for _ in range(2):
            flask_migrate.upgrade(directory=MIGRATIONS)

    with connection(url) as opened:
        assert len(opened.execute(text("SELECT version_num FROM alembic_version")).all()) == 1


def test_a_migration_that_fails_leaves_nothing_behind(url):
    """
    All of it or none: after a failure half way, the operator mends the cause and runs it again.
    """
    with connection(url) as opened:
        opened.execute(text("CREATE TABLE families (in_the_way INTEGER)"))

    with application(url), pytest.raises(Exception, match=r"families.*already exists"):
        flask_migrate.upgrade(directory=MIGRATIONS)

    assert tables(url) <= {"families", "alembic_version"}
    with connection(url) as opened:
        opened.execute(text("DROP TABLE families"))
    with application(url):
        flask_migrate.upgrade(directory=MIGRATIONS)


def test_migrations_are_one_line():
    """
    Two that follow the same one would leave it to chance which comes first.
    """
    assert len(ScriptDirectory(MIGRATIONS).get_heads()) == 1


def test_to_undo_makes_no_operator_of_a_resource_server(url):
    """
    H3, B8: before 0002, a key without a tenant is an operator's; those that stood for an audience alone are gone then.
    """
    columns = "(id, kind, mode, mac, scopes, created_at, audience)"
    insert = text(f"INSERT INTO api_keys {columns} VALUES (:id, 'ak', 'live', :mac, '', CURRENT_TIMESTAMP, :audience)")
    with application(url):
        flask_migrate.upgrade(directory=MIGRATIONS)
        with connection(url) as opened:
            for name, audience in (("Operator", None), ("Resource", "https://files.example")):
                opened.execute(insert, {"id": name, "mac": bytes(32), "audience": audience})

        flask_migrate.downgrade(directory=MIGRATIONS, revision="0001")

        with connection(url) as opened:
            assert opened.execute(text("SELECT id FROM api_keys")).scalars().all() == ["Operator"]
        flask_migrate.upgrade(directory=MIGRATIONS)


def test_to_undo_and_redo_the_names_of_master_keys_keeps_every_api_key(url):
    """
    Down to before 0004 and up again, a key is still there with its MAC; only which master key it hangs on is forgotten.
    """
    columns = "(id, kind, mode, mac, scopes, created_at, pepper_id)"
    insert = text(f"INSERT INTO api_keys {columns} VALUES ('Operator', 'ak', 'live', :mac, '', CURRENT_TIMESTAMP, 'm')")
    with application(url):
        flask_migrate.upgrade(directory=MIGRATIONS)
        with connection(url) as opened:
            opened.execute(insert, {"mac": bytes(range(32))})

        flask_migrate.downgrade(directory=MIGRATIONS, revision="0003")
        flask_migrate.upgrade(directory=MIGRATIONS)

    with connection(url) as opened:
        row = opened.execute(text("SELECT id, mac, pepper_id FROM api_keys")).one()
    assert (row.id, bytes(row.mac), row.pepper_id) == ("Operator", bytes(range(32)), None)
