"""What /metrics tells of the database: the connections of all workers, and its faults by kind."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.foundation.database import Fault
from tests.adversary.workers import WorkerLine, a_line_to_each_worker
from tests.servers import serve

TOKEN = "/api/v1/auth/token"
CONNECTIONS, ERRORS = "chalk_database_connections", "chalk_database_errors_total"
DEADLINE_SECONDS = 15


def told(text):
    """Read all that is told of the database, by name and label."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples if sample.name.startswith("chalk_database")]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def until(line, *wanted, meanwhile=lambda: None):
    """Ask a worker until it tells this of the database."""
    found, deadline = {}, time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        meanwhile()
        found = told(line.text("/metrics"))
        if set(wanted) <= set(found.items()):
            return found
    raise AssertionError(f"{found}, without {wanted}")


def ask_anybody(server):
    """Send a request to whichever worker takes it."""
    with contextlib.closing(WorkerLine(server.port)) as line:
        assert line.send("GET", "/.well-known/jwks.json").status == 200


@pytest.fixture
def held_up(tools):
    """Hold up whoever gets tokens, until the block ends."""

    @contextlib.contextmanager
    def block():
        with tools.database.transaction() as connection:
            connection.exec_driver_sql("LOCK TABLE families IN EXCLUSIVE MODE")
            yield

    return block


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_connections_and_faults_are_those_of_all_living_workers(database_url, held_up, tenant):
    """
    B2: whichever worker is asked tells what all hold of the database; of one that was killed, what it has counted
    stays, and what it held goes, until another has taken its place.
    """
    quick: dict[str, Any] = {"DATABASE_TIMEOUT_SECONDS": "2", "KEYRING_MAX_AGE_SECONDS": "1", "DATABASE_POOL_SIZE": "4"}
    with (
        serve(database_url, workers=3, **quick) as server,
        a_line_to_each_worker(server, 3) as (asked, *others),
        ThreadPoolExecutor(2) as aside,
    ):
        for line in (asked, *others):
            assert line.send("POST", TOKEN, {"api_key": tenant.api_key}).status == 200
        calm = until(asked, ((f"{CONNECTIONS}_most",), 12), ((CONNECTIONS, "in_use"), 0))
        with held_up():
            waiting = [aside.submit(line.send, "POST", TOKEN, {"api_key": tenant.api_key}) for line in others]
            until(asked, ((CONNECTIONS, "in_use"), 2))
            assert [each.result().status for each in waiting] == [503, 503]
        faults = until(asked, ((CONNECTIONS, "in_use"), 0))
        os.kill(others[0].worker, signal.SIGKILL)
        left = until(asked, ((f"{CONNECTIONS}_most",), 8))
        until(asked, ((f"{CONNECTIONS}_most",), 12), meanwhile=lambda: ask_anybody(server))

    assert calm[CONNECTIONS, "idle"] >= 3
    assert {kind: calm[ERRORS, kind] for kind in get_args(Fault)} == dict.fromkeys(get_args(Fault), 0)
    assert [kind for kind in get_args(Fault) if faults[ERRORS, kind]] == ["timeout"]
    assert left[ERRORS, "timeout"] == faults[ERRORS, "timeout"] >= 2
