"""The table of sessions loses its foreign keys under requests, and no session nor request with them."""

import time
from concurrent.futures import ThreadPoolExecutor

import flask_migrate
import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text

from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.factory import create_app
from app.flows.refresh_access import Refresh, refresh_access
from tests.builders import a_pair, a_participant, a_room, a_tenant
from tests.conftest import ROOT, environment
from tests.entrypoints.test_command_line_upgrade import wait_until

MIGRATIONS = str(ROOT / "migrations")
BEFORE = "0011"
PATIENCE_SECONDS = 20
MIGRATION_WAITS = "EXISTS (SELECT FROM pg_locks WHERE relation = 'api_keys'::regclass AND NOT granted)"
REQUEST_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'tenants'::regclass AND NOT granted)"


@pytest.fixture
def app(own_database):
    """An application on a database of the release before, or whichever its migrations are told."""
    made = create_app(environment(own_database), warm=False)
    with made.app_context():
        flask_migrate.downgrade(directory=MIGRATIONS, revision=BEFORE)
    yield made
    wiring_of(made).tools.database.close()


def foreign_keys_and_rows(url):
    """Give what the sessions refer to, and all of them as they are."""
    engine = create_engine(environment(url).database.url)
    with engine.connect() as connection:
        keys = {each["name"] for each in inspect(connection).get_foreign_keys("families")}
        rows = sorted(str(row) for row in connection.execute(text("SELECT * FROM families")).mappings())
    engine.dispose()
    return keys, rows


def test_sessions_of_the_release_before_go_on(app, own_database):
    """
    I1: a session from before the upgrade rotates after it, and its row was not changed; undone, it refers as before.
    """
    tools = wiring_of(app).tools
    tenant = a_tenant(tools)
    pair = a_pair(tools, tenant)
    a_participant(tools, tenant, a_room(tools, tenant))
    keys, rows = foreign_keys_and_rows(own_database)

    with app.app_context():
        flask_migrate.upgrade(directory=MIGRATIONS)
        assert foreign_keys_and_rows(own_database) == (set(), rows)
        flask_migrate.downgrade(directory=MIGRATIONS, revision=BEFORE)
        assert foreign_keys_and_rows(own_database) == (keys, rows)
        flask_migrate.upgrade(directory=MIGRATIONS)

    assert len(keys) == 4
    assert len(rows) == 2
    assert refresh_access(Refresh(str(pair.refresh_token)), tools).refresh_token


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_a_request_that_holds_a_table_is_not_taken_for_a_deadlock(app, own_database):
    """
    The upgrade takes five tables. A request that has one of them, and waits for another, is let through.
    """

    def launch():
        return app

    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(own_database) as another,
        psycopg.connect(own_database) as request,
    ):
        another.execute("SELECT count(*) FROM api_keys")
        request.execute("SELECT count(*) FROM rooms")
        upgrading = pool.submit(
            CliRunner().invoke, cli.group, ["db", "upgrade"], obj=Launcher(launch, launch, MIGRATIONS, "none")
        )
        wait_until(own_database, MIGRATION_WAITS)
        going_on = pool.submit(request.execute, "SELECT count(*) FROM tenants, families")
        waits_or_is_done(own_database, going_on)
        another.close()
        # Had PostgreSQL to choose one to break off, it would be this one: it waits for longer.
        assert going_on.result(PATIENCE_SECONDS).fetchone() == (0,)
        request.close()
        assert upgrading.result(PATIENCE_SECONDS).exit_code == 0


def waits_or_is_done(url, going_on):
    """Wait until a request is seen to wait, or did not have to."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while not going_on.done() and connection.execute(REQUEST_WAITS).fetchone() != (True,):
            assert time.monotonic() < deadline
            time.sleep(0.01)
