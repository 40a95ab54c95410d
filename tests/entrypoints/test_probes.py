"""GET /healthz, /readyz and /metrics: what the inside learns of a process, and what nobody learns."""

import contextlib
import logging
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, update

from app.domain import signing_keys
from app.domain.signing_keys.tables import SigningKeyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.tend_signing_keys import tend_signing_keys
from bench.torture.faults.ports import free_port
from tests.conftest import ROOT, environment
from tests.databases import take_away
from tests.house.test_docs import rows
from tests.servers import serve
from tests.signing_keys import kids, record, records, the

HEALTH, READY, METRICS = "/healthz", "/readyz", "/metrics"
IS_READY = {"status": "ready", "warnings": []}
NOT_READY = {"status": "not_ready"}
WARNED = {"status": "ready", "warnings": ["no_standby_signing_key"]}
ANOTHER_MASTER_KEY = "YW5vdGhlciBtYXN0ZXIga2V5LCBvZiBhIG5laWdoYm8="
QUICK = {"SIGNING_ALGORITHM": "ES256", "DATABASE_TIMEOUT_SECONDS": "1"}
DAY, PATIENCE_SECONDS = 86_400, 30


@pytest.fixture
def server(start):
    """An application with its two keys on a database of its own; nobody looks after them but the test."""
    application = start(**QUICK)
    tend_signing_keys(wiring_of(application).tools)
    return application


@pytest.fixture
def probed(server):
    """A client of it that shows no credential."""
    return server.test_client()


@pytest.fixture
def tools(server):
    """Its tools."""
    return wiring_of(server).tools


@pytest.fixture
def lose_the_database(request, tools, own_database):
    """Take its database away from under it."""

    def lose():
        if own_database.startswith("sqlite"):
            tools.database.close()
        take_away(own_database, lambda: request.getfixturevalue("postgres"))

    return lose


@pytest.fixture
def said(caplog):
    """What was said to the operator since the last look."""
    caplog.set_level(logging.WARNING)

    def look():
        messages = [each.getMessage() for each in caplog.records]
        caplog.clear()
        return messages

    return look


def samples(text):
    """Read what is computed, as Prometheus does: values by name, or by name and state."""
    found = {}
    for family in text_string_to_metric_families(text):
        if family.type != "gauge" or family.name.startswith("chalk_database"):
            continue  # what is counted, or put down by every worker: test_metrics.py, test_metrics_of_the_database.py
        assert family.documentation
        for sample in family.samples:
            assert sample.labels.keys() <= {"state"}
            name = " ".join([sample.name, *sample.labels.values()])
            assert name not in found
            found[name] = sample.value
    return found


def scrape(http):
    answer = http.get(METRICS)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    return samples(answer.text)


def told(*, standby, active, retired, due, read):
    """Write out what shall be told: the age of each state or None where no key is in it."""
    found = {"chalk_signing_key_rotation_due_seconds": due, "chalk_keyring_age_seconds": read}
    for state, age in (("standby", standby), ("active", active), ("retired", retired)):
        found[f"chalk_signing_keys {state}"] = 0 if age is None else 1
        found[f"chalk_signing_key_age_seconds {state}"] = age
    return {name: value for name, value in found.items() if value is not None}


def assert_not_ready(answer):
    """It says that it is not, and when to ask again; neither the body nor a header says why."""
    assert (answer.status_code, answer.json) == (503, NOT_READY)
    assert answer.headers["Retry-After"].isdecimal()
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.headers.keys()) == {
        "Content-Type", "Content-Length", "Retry-After", "Cache-Control", "Pragma", "X-Request-Id",
    }  # fmt: skip


def test_a_process_with_a_database_and_a_key_is_ready(probed, said):
    """
    Whoever balances the load sends requests here: the keys were asked for just now, and nothing was amiss.
    """
    answer = probed.get(READY)

    assert (answer.status_code, answer.json, answer.headers["Cache-Control"]) == (200, IS_READY, "no-store")
    assert probed.get(READY, headers={"X-API-Key": "x", "Authorization": "Bearer x"}).json == IS_READY
    assert said() == []


def test_a_lost_database_is_noticed(probed, lose_the_database, said, clock):
    """
    503 within the timeout, and a line in the log; the process lives, and tells how old the keys are that it holds.
    """
    lose_the_database()
    clock.step(hours=5)

    assert_not_ready(probed.get(READY))
    (line,) = said()
    assert line.startswith("the database did not answer: ")
    assert probed.get(HEALTH).status_code == 200
    hours = 5 * 3600
    assert scrape(probed) == told(standby=hours, active=hours, retired=None, due=90 * DAY - hours, read=hours)
    assert said() == []


def test_a_process_that_never_reached_its_database_lives_and_is_not_ready(said):
    """
    It has no key and makes up no age; the name and password of the database are told to nobody.
    """
    url = f"postgresql://nobody:hunter2@127.0.0.1:{free_port()}/nothing"
    application = create_app(environment(url, DATABASE_TIMEOUT_SECONDS="1"), warm=False)
    http = application.test_client()

    for _ in range(2):
        assert_not_ready(http.get(READY))
    assert len(said()) == 2
    assert scrape(http) == told(standby=None, active=None, retired=None, due=None, read=None)
    answer = http.get(HEALTH)
    assert (answer.status_code, answer.json, answer.headers["Cache-Control"]) == (200, {"status": "alive"}, "no-store")
    assert said() == []
    wiring_of(application).tools.database.close()


def test_only_readiness_touches_the_database(server, probed):
    """
    An outage of the database, or a slow one, neither has the process restarted nor leaves its operator blind.
    """
    statements = []
    with server.app_context():
        engine = server.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

    probed.get(HEALTH)
    probed.get(METRICS)
    assert statements == []
    probed.get(READY)
    assert [each for each in statements if "signing_keys" in each] != []


def test_without_a_key_that_signs_it_is_not_ready(start, said):
    """
    An empty database is no place for tokens; asking makes no key, looking after the keys does.
    """
    application = start(**QUICK)
    tools, http = wiring_of(application).tools, application.test_client()

    assert_not_ready(http.get(READY))
    assert said() == ["not ready: no signing key is active"]
    assert records(tools) == []
    tend_signing_keys(tools)
    assert http.get(READY).json == IS_READY


def test_with_another_master_key_it_is_not_ready(server, start, said):
    """
    A key that does not open signs nothing; the log says which master key it wants, and the client learns nothing.
    """
    http = start(MASTER_KEY=ANOTHER_MASTER_KEY, **QUICK).test_client()

    assert_not_ready(http.get(READY))
    line = said()[-1]
    assert line.startswith("not ready: ")
    assert "does not open with this master key" in line


def test_a_missing_standby_is_a_warning(start, probed, tools, clock, said):
    """
    Issue 4: tokens are issued, so it is ready; but the next rotation or emergency would find no key. A standby that
    only another master key opens is none.
    """
    with tools.database.transaction() as connection:
        signing_keys.withdraw(connection, the(tools, "standby"), now=clock.now())

    answer = probed.get(READY)
    assert (answer.status_code, answer.json, answer.headers["Cache-Control"]) == (200, WARNED, "no-store")
    assert said() == ["no signing key stands by to replace the active one"]
    assert scrape(probed)["chalk_signing_keys standby"] == 0

    stranger = wiring_of(start(MASTER_KEY=ANOTHER_MASTER_KEY, **QUICK)).tools.keyring.wrapping
    with tools.database.transaction() as connection:
        signing_keys.publish(connection, signing_keys.generate("ES256"), "ES256", stranger, now=clock.now())
    assert probed.get(READY).json == WARNED
    assert "It is left out." in said()[0]
    assert scrape(probed)["chalk_signing_keys standby"] == 0

    with tools.database.transaction() as connection:
        signing_keys.withdraw(connection, the(tools, "standby"), now=clock.now())
    tend_signing_keys(tools)
    assert probed.get(READY).json == IS_READY
    assert said() == []


def test_ages_are_exact_through_a_whole_rotation(probed, tools, clock):
    """
    Issue 4: standby from when it was published, active from when it signs, retired from when it ceased to; a rotation
    is due in so long, or was so long ago; and between two readings of the keys the ages go on.
    """
    for step, read, expected in (
        (0, False, told(standby=0, active=0, retired=None, due=90 * DAY, read=0)),
        (DAY, False, told(standby=DAY, active=DAY, retired=None, due=89 * DAY, read=DAY)),
        (1.25, True, told(standby=DAY + 1.25, active=DAY + 1.25, retired=None, due=89 * DAY - 1.25, read=0)),
        (89 * DAY - 1.25, False, told(standby=90 * DAY, active=90 * DAY, retired=None, due=0, read=89 * DAY - 1.25)),
        (60, False, told(standby=90 * DAY + 60, active=90 * DAY + 60, retired=None, due=-60, read=89 * DAY + 58.75)),
        (0, True, told(standby=0, active=0, retired=0, due=90 * DAY, read=0)),
        (3600, False, told(standby=3600, active=3600, retired=3600, due=90 * DAY - 3600, read=3600)),
        (129, True, told(standby=3729, active=3729, retired=3729, due=90 * DAY - 3729, read=0)),
        (1, True, told(standby=3730, active=3730, retired=None, due=90 * DAY - 3730, read=0)),
    ):
        clock.step(seconds=step)
        if read:
            tend_signing_keys(tools)
        assert scrape(probed) == expected


def test_metrics_are_those_of_the_runbook_and_hold_no_key(probed, tools, clock):
    """
    Every metric is explained where an operator looks, and no alert watches one that does not exist; nothing names a
    key, and no label takes more than three values.
    """
    clock.step(days=90)
    tend_signing_keys(tools)
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    text = probed.get(METRICS).text

    families = text_string_to_metric_families(text)
    names = {each.name + ("_total" if each.type == "counter" else "") for each in families}
    assert names == {name for name in rows(page) if re.fullmatch(r"chalk_\w+", name)}
    assert names == set(re.findall(r"chalk_\w+", page))
    assert {name.partition(" ")[2] for name in samples(text)} == {"", "standby", "active", "retired"}
    for key in records(tools):
        assert key.kid not in text


def test_every_worker_tells_the_same_and_takes_the_occasion(own_database, worker):
    """
    Ages are those of the database's rows, whichever process is asked; and with nothing but probes for requests, a
    rotation that is due takes place.
    """
    tools = worker()
    with serve(own_database, workers=2, SIGNING_ALGORITHM="ES256", KEYRING_MAX_AGE_SECONDS="1") as running:
        entered = {
            "active": record(tools, the(tools, "active")).activated_at,
            "standby": record(tools, the(tools, "standby")).published_at,
        }
        for began, found, ended in scrape_every_worker(running):
            for state, moment in entered.items():
                age = timedelta(seconds=found[f"chalk_signing_key_age_seconds {state}"])
                assert began - age <= moment <= ended - age

        make_older(tools, timedelta(days=91))
        until(lambda: get(running, HEALTH) and kids(tools, "retired"))
        until(lambda: [found["chalk_signing_keys retired"] for _, found, _ in scrape_every_worker(running)] == [1, 1])


def make_older(tools, delta):
    """Put the keys back in time: a server of its own has a clock of its own."""
    for each in records(tools):
        began = each.activated_at and each.activated_at - delta
        past = {"published_at": each.published_at - delta, "activated_at": began}
        with tools.database.transaction() as connection:
            connection.execute(update(SigningKeyRow).where(SigningKeyRow.kid == each.kid).values(past))


def get(server, path):
    """Ask whichever worker takes a new connection."""
    with contextlib.closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)) as line:
        line.request("GET", path)
        return line.getresponse().read()


def scrape_every_worker(server):
    """Ask each worker once: give what it told, between the moments before and after."""
    workers = psutil.Process(server.process.pid).children()
    found = {}
    for _ in range(100):
        with contextlib.closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)) as line:
            began = datetime.now(UTC)
            line.request("GET", METRICS)
            text = line.getresponse().read().decode()
            ended, own_port = datetime.now(UTC), line.sock.getsockname()[1]
            (pid,) = [each.pid for each in workers for end in each.net_connections() if own_port in end.raddr]
        found[pid] = (began, samples(text), ended)
        if len(found) == len(workers):
            return list(found.values())
    pytest.fail("a worker was never asked")


def until(condition):
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it never came to pass")
        threading.Event().wait(0.05)
