"""`chalk-auth doctor`: silent about what is in order, and precise about what is not."""

import base64
import json
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, update

from app import settings as configuration
from app.domain.signing_keys.tables import SigningKeyRow
from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.factory import create_app
from app.flows.tend_signing_keys import tend_signing_keys
from bench.torture.faults.ports import free_port
from tests.builders import a_tenant
from tests.clock import SteppedClock
from tests.conftest import MASTER_KEY, ROOT
from tests.databases import take_away
from tests.stores import a_store

ANOTHER = base64.b64encode(b"another master key of 32 bytes..").decode()
IN_ORDER = {"ISSUER": "https://auth.example.org", "TRUSTED_PROXIES": "10.0.0.1", "MASTER_KEY": MASTER_KEY}


@pytest.fixture(scope="module")
def store():
    """A store of limits that answers."""
    with a_store() as store:
        yield store


@pytest.fixture
def doctor(own_database, store, monkeypatch, capsys):
    """Run `chalk-auth doctor` with settings of its own; gives its status, and what it found beside what is in order."""
    opened = []

    def run(clock, measure_seconds="0", **more):
        given = {"DATABASE_URL": own_database, **IN_ORDER, "LIMITS_URL": store.url, **more}

        def launch():
            settings = configuration.read({f"CHALK_{name}": value for name, value in given.items() if value})
            opened.append(create_app(settings, clock, warm=False))
            return opened[-1]

        monkeypatch.setattr(
            sys, "argv", ["chalk-auth", "doctor", "--output", "json", "--measure-seconds", measure_seconds]
        )
        with pytest.raises(SystemExit) as end:
            cli.run(Launcher(launch, launch, str(ROOT / "migrations"), "none"))
        found = json.loads(capsys.readouterr().out)
        assert len(found) >= 1
        return int(end.value.code or 0), {
            (each["check"], each["level"]): each["message"] for each in found if each["level"] != "ok"
        }

    yield run
    for each in opened:
        wiring_of(each).tools.database.close()


@pytest.fixture
def now(own_database):
    """A clock that agrees with the database's; and nobody else reads its file."""
    if own_database.startswith("sqlite"):
        Path(own_database.removeprefix("sqlite:///")).chmod(0o600)
    return SteppedClock()


@pytest.fixture
def tools(worker, now):
    """A worker there, with its two signing keys."""
    made = worker(now)
    tend_signing_keys(made)
    return made


def test_a_deployment_in_order_has_nothing_to_mend(doctor, tools, now):
    """
    E3, E7: settings, files, schema, clock and keys as they are shipped: status 0, and no finding but what is in order.
    """
    assert doctor(now) == (0, {})


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("tools")
def test_a_processor_setting_that_would_be_faster_is_named(doctor, now, tmp_path, monkeypatch):
    """
    E3: on a machine that signs faster when OpenSSL does not see ADX, and on none else, the variable is told.
    """
    machine = tmp_path / "python"
    monkeypatch.setattr("sys.executable", str(machine))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    found: dict[tuple[str, str], str] = {}
    for rate, wanted in (("500", set()), ("1500", {("signing rate", "warning")})):
        machine.write_text(f'#!/bin/sh\ncase "$OPENSSL_ia32cap" in ":~0x80000") echo {rate};; *) echo 1000;; esac\n')
        machine.chmod(0o700)
        status, found = doctor(now, "0.01")
        assert (status, set(found)) == (0, wanted)
    assert "1500 with OPENSSL_ia32cap=:~0x80000 (no ADX)" in found["signing rate", "warning"]


SETTINGS = [
    ({"ISSUR": "x"}, ("settings", "fault"), "CHALK_ISSUR: there is no such setting"),
    ({"ISSUER": "http://auth.example.org"}, ("issuer", "fault"), "not https"),
    ({"ISSUER": "http://127.0.0.1:8000"}, ("issuer", "warning"), "of this machine alone"),
    ({"TRUSTED_PROXIES": ""}, ("proxy", "warning"), "names none"),
    ({"TRUSTED_PROXIES": "0.0.0.0/0"}, ("proxy", "fault"), "every address"),
]


@pytest.mark.usefixtures("tools")
def test_a_store_of_limits_that_is_away_is_named(doctor, store, now):
    """
    A16: a store that does not answer is a fault; to have none is in order, as long as this machine is alone.
    """
    assert doctor(now) == (0, {})
    assert store.names() == {}
    status, found = doctor(now, LIMITS_URL=f"redis://127.0.0.1:{free_port()}")
    assert (status, set(found)) == (1, {("limits", "fault")})
    assert "CHALK_LIMITS_URL does not answer" in found["limits", "fault"]

    assert doctor(now, LIMITS_URL="memory://") == (0, {})


def test_a_setting_that_is_wrong_is_named(doctor, tools, now):
    """
    A19, A20: one finding, of that setting, with what to do.
    """
    for setting, finding, words in SETTINGS:
        status, found = doctor(now, **setting)
        assert set(found) == {finding}
        assert words in found[finding]
        assert status == (1 if finding[1] == "fault" else 0)


@pytest.mark.usefixtures("tools")
def test_files_that_others_can_read_are_named(doctor, now, tmp_path, own_database):
    """
    E7: a loose master key is a fault; a database's file that others can read is worth a warning, with the command.
    """
    folder = tmp_path / "keys"
    assert doctor(now, MASTER_KEY="", KEYS_DIRECTORY=str(folder))[0] == 1  # one that opens nothing here
    (folder / "master.key").chmod(0o644)
    status, found = doctor(now, MASTER_KEY="", KEYS_DIRECTORY=str(folder))
    assert status == 1
    assert "chmod" in found["settings", "fault"]

    if own_database.startswith("sqlite"):
        Path(own_database.removeprefix("sqlite:///")).chmod(0o644)
        status, found = doctor(now)
        assert (status, set(found)) == (0, {("database", "warning")})
        assert "chmod 600" in found["database", "warning"]


def test_keys_that_do_not_open_or_are_missing_are_named(doctor, tools, now):
    """
    E3: with another master key nothing opens, and the one that things hang on is named.
    """
    a_tenant(tools)
    status, found = doctor(now, MASTER_KEY=ANOTHER)

    assert status == 1
    assert set(found) == {("signing keys", "fault"), ("master key", "fault")}
    assert tools.master.id in found["master key", "fault"]


def test_signing_keys_that_need_someone_are_named(doctor, tools, now):
    """
    E3: no standby, a rotation that is overdue, and none that is active.
    """
    with tools.database.transaction() as connection:
        connection.execute(update(SigningKeyRow).where(SigningKeyRow.state == "standby").values(state="revoked"))
    assert "None stands by" in doctor(now)[1]["signing keys", "warning"]

    with tools.database.transaction() as connection:
        of_active = update(SigningKeyRow).where(SigningKeyRow.state == "active")
        connection.execute(of_active.values(activated_at=now.now() - timedelta(days=91)))
    assert "overdue" in doctor(now)[1]["signing keys", "warning"]

    with tools.database.transaction() as connection:
        connection.execute(update(SigningKeyRow).values(state="revoked"))
    status, found = doctor(now)
    assert status == 1
    assert "None is active" in found["signing keys", "fault"]


def test_a_schema_of_another_release_is_named(doctor, tools, now):
    """
    The migration that is missing, and the command that runs it; one finding, since nothing else can be told.
    """
    with tools.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0009'")
    status, found = doctor(now)

    assert (status, set(found)) == (1, {("schema", "fault")})
    assert "0009" in found["schema", "fault"]
    assert "chalk-auth db upgrade" in found["schema", "fault"]


def test_a_database_that_is_away_is_one_finding(doctor, tools, now, own_database, request):
    """
    A21: that it does not answer is said, and nothing is guessed of what it holds.
    """
    tools.database.close()
    take_away(own_database, lambda: request.getfixturevalue("postgres"))

    status, found = doctor(now, DATABASE_TIMEOUT_SECONDS="1")
    assert (status, set(found)) == (1, {("database", "fault")})


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_server_that_may_lose_what_it_acknowledged_is_named(doctor, tools, now, own_database):
    """
    I3: a setting by which an acknowledged revocation can be lost, and a clock that is off, by how much.
    """
    url = make_url(own_database)
    with psycopg.connect(
        str(url.set(drivername="postgresql").render_as_string(hide_password=False)), autocommit=True
    ) as connection:
        connection.execute(f'ALTER DATABASE "{url.database}" SET synchronous_commit = off'.encode())
    status, found = doctor(now)
    assert (status, set(found)) == (1, {("database", "fault")})
    assert "synchronous_commit = off" in found["database", "fault"]

    now.step(seconds=-10)
    assert "differs" in doctor(now)[1]["clock", "warning"]
    now.step(seconds=-100)
    assert "by +1" in doctor(now)[1]["clock", "fault"]
