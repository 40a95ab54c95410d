"""`chalk-auth db upgrade` while the server is in use: it holds nobody up, is alone, and says when it cannot go on."""

import contextlib
import os
import shutil
import subprocess
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text

from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.factory import create_app
from app.flows.refresh_access import Refresh, refresh_access
from tests.builders import a_pair, a_tenant
from tests.conftest import MASTER_KEY, ROOT, environment
from tests.servers import COMMAND

PATIENCE_SECONDS = 20
ONE_MORE = '''"""One more."""

import sqlalchemy as sa
from alembic import op

from app.foundation.database import without_transaction

revision = "0999"
down_revision = "{last}"


def upgrade():
{body}
'''
A_COLUMN = 'op.add_column("families", sa.Column("note", sa.Text()))'
AN_INDEX = """
with without_transaction(op.get_context()):
    op.drop_index("ix_families_note", "families", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_families_note", "families", ["subject"], postgresql_concurrently=True)
    if op.get_bind().dialect.name == "postgresql":
        with op.get_bind().engine.connect() as other:
            assert not other.execute(sa.text("SELECT pg_try_advisory_lock(4283091775)")).scalar_one(), "not alone"
            assert op.get_bind().execute(sa.text("SHOW statement_timeout")).scalar_one() == "0"
"""


@pytest.fixture
def upgrade(own_database, tmp_path):
    """Run `chalk-auth db upgrade` in this process; with a body, there is one migration more, which does that."""
    opened = []

    def run(body, *arguments, **settings):
        folder = ROOT / "migrations" if body is None else one_more(body, tmp_path / "migrations")

        def launch():
            opened.append(create_app(environment(own_database, **settings), warm=False))
            return opened[-1]

        return CliRunner().invoke(
            cli.group, ["db", "upgrade", *arguments], obj=Launcher(launch, launch, str(folder), "none")
        )

    yield run
    for application in opened:
        wiring_of(application).tools.database.close()


def one_more(body, folder):
    """Copy the migrations, and add one."""
    shutil.copytree(ROOT / "migrations", folder, dirs_exist_ok=True)
    last = ScriptDirectory(str(ROOT / "migrations")).get_current_head()
    lines = textwrap.indent(body, " " * 4)
    (folder / "versions" / "0999_one_more.py").write_text(ONE_MORE.format(last=last, body=lines), encoding="utf-8")
    return folder


def ask(url, question):
    """Ask something of a database, over a connection of our own."""
    engine = create_engine(environment(url).database.url)
    with engine.connect() as connection:
        found = question(connection)
    engine.dispose()
    return found


def at(url):
    """Tell which migration the schema is at."""
    return ask(url, lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def columns(url, table):
    """Name the columns of a table."""
    return ask(url, lambda connection: {each["name"] for each in inspect(connection).get_columns(table)})


@contextlib.contextmanager
def a_transaction_that(url, statement):
    """Hold what a statement takes until the block ends, or the one who is given is closed."""
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        yield connection


def wait_until(url, condition):
    """Wait until the server says so of itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(f"SELECT {condition}").fetchone() != (True,):
            assert time.monotonic() < deadline, condition
            time.sleep(0.01)


ITS_WAITING = "EXISTS (SELECT FROM pg_locks WHERE relation = 'families'::regclass AND NOT granted)"


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_requests_are_served_while_an_upgrade_waits_for_a_table(upgrade, own_database, worker):
    """
    A migration behind a long transaction lets requests pass: one that came behind it is answered after a second or so.
    The upgrade tries again, and succeeds when the transaction is over.
    """
    tools = worker()
    pair = a_pair(tools, a_tenant(tools))
    with (
        ThreadPoolExecutor() as pool,
        a_transaction_that(own_database, "SELECT count(*) FROM families") as backup,
    ):
        upgrading = pool.submit(upgrade, A_COLUMN)
        wait_until(own_database, ITS_WAITING)
        begun = time.monotonic()
        refresh_access(Refresh(str(pair.refresh_token)), tools)
        took = time.monotonic() - begun
        assert not upgrading.done()
        backup.close()
        done = upgrading.result(PATIENCE_SECONDS)

    assert (done.exit_code, done.stdout) == (0, "The schema is up to date.\n")
    assert done.stderr == "chalk-auth: A table is in use by a long transaction; trying again until it is over.\n"
    assert took < 3
    assert at(own_database) == "0999"


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_an_upgrade_that_cannot_have_a_table_gives_up_and_says_so(upgrade, own_database):
    """
    Status 1, one sentence with what to do, and the migration leaves nothing; run again later, it does it.
    """
    before = at(own_database)
    with a_transaction_that(own_database, "LOCK families IN ACCESS SHARE MODE"):
        gave_up = upgrade(f'op.add_column("tenants", sa.Column("note", sa.Text()))\n{A_COLUMN}', "--patience", "0")

    assert (gave_up.exit_code, gave_up.stdout) == (1, "")
    assert "did not let go of a table for 0 s" in gave_up.stderr
    assert gave_up.stderr.count("\n") == 1
    assert at(own_database) == before
    assert upgrade(A_COLUMN).exit_code == 0
    assert "note" in columns(own_database, "families")
    assert "note" not in columns(own_database, "tenants")


def test_of_two_upgrades_at_once_one_works_and_the_other_waits(backend, new_database):
    """
    Two hosts, or a job and a unit: from nothing, both end well, and each migration was run once.
    """
    url = new_database(backend)
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    settings = {"CHALK_DATABASE_URL": url, "CHALK_MASTER_KEY": MASTER_KEY}
    command = [COMMAND, "db", "upgrade"]
    both = [
        subprocess.Popen(
            command, env=surroundings | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]

    said = [each.communicate(timeout=60) for each in both]

    assert [(each.returncode, out) for each, (out, _) in zip(both, said, strict=True)] == [
        (0, "The schema is up to date.\n")
    ] * 2, said


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_an_upgrade_waits_for_another_for_as_long_as_that_works(upgrade, own_database):
    """
    However short its patience with tables is: the other one does its work. It says what it waits for.
    """
    with (
        ThreadPoolExecutor() as pool,
        a_transaction_that(own_database, "SELECT pg_advisory_xact_lock(4283091775)") as other,
    ):
        waiting = pool.submit(upgrade, A_COLUMN, "--patience", "0")
        seen = threading.Event()
        waiting.add_done_callback(lambda _: seen.set())
        # It looks twice a second.
        assert not seen.wait(1.2)
        other.close()
        done = waiting.result(PATIENCE_SECONDS)

    assert (done.exit_code, done.stdout) == (0, "The schema is up to date.\n")
    assert done.stderr == "chalk-auth: Another upgrade is at work; waiting for it.\n"
    assert at(own_database) == "0999"


@pytest.mark.parametrize("backend", ["postgresql"], scope="session")
def test_a_migration_may_take_longer_than_a_request(upgrade, own_database):
    """
    An index of a large table takes minutes; `CHALK_DATABASE_TIMEOUT_SECONDS` does not end it.
    """
    done = upgrade('op.execute("SELECT pg_sleep(1.2)")', DATABASE_TIMEOUT_SECONDS="1")

    assert (done.exit_code, done.stderr) == (0, "")
    assert at(own_database) == "0999"


def test_an_index_is_built_beside_requests_and_alone(upgrade, own_database, backend):
    """
    CREATE INDEX CONCURRENTLY goes without a transaction, and without another upgrade beside it all the same.
    """
    done = upgrade(AN_INDEX)

    assert (done.exit_code, done.stderr) == (0, ""), done.exception
    assert at(own_database) == "0999"
    names = ask(own_database, lambda connection: [each["name"] for each in inspect(connection).get_indexes("families")])
    assert "ix_families_note" in names
    if backend == "postgresql":
        invalid, free = "SELECT count(*) FROM pg_index WHERE NOT indisvalid", "SELECT pg_try_advisory_lock(4283091775)"
        assert ask(own_database, lambda connection: connection.execute(text(invalid)).scalar_one()) == 0
        assert ask(own_database, lambda connection: connection.execute(text(free)).scalar_one())


def test_the_release_before_leaves_a_later_schema_alone(upgrade, own_database):
    """
    Whoever goes back to the release before, its `db upgrade` with it, is not stopped by what the later one did.
    """
    assert upgrade(A_COLUMN).exit_code == 0

    done = upgrade(None)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "The schema is of a later release, at 0999. Nothing was done.\n"
    assert at(own_database) == "0999"
