"""The command line: what it prints can be pasted, and what it cannot do is said in one sentence."""

import http.client
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from bench.torture.faults.ports import free_port
from tests.builders import a_pair, a_tenant
from tests.conftest import MASTER_KEY, ROOT, environment, migrate
from tests.servers import COMMAND, running

NOBODY = "postgresql://chalk:hidden@127.0.0.1:1/none"


@dataclass(frozen=True)
class Outcome:
    """What a command left: its status, and what it said."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> dict[str, str]:
        """Give the lines of the form `NAME=value`."""
        return dict(line.split("=", 1) for line in self.out.splitlines())


@pytest.fixture
def chalk_auth(monkeypatch, capsys):
    """Run a command in this process, on a database and with settings of the caller's."""
    opened = []

    def run(url, *arguments, **settings):
        def launch(warm):
            opened.append(create_app(environment(url, **settings), warm=warm))
            return opened[-1]

        monkeypatch.setattr(sys, "argv", ["chalk-auth", *arguments])
        launcher = Launcher(lambda: launch(False), lambda: launch(True), str(ROOT / "migrations"), "none")
        with pytest.raises(SystemExit) as end:
            cli.run(launcher)
        said = capsys.readouterr()
        return Outcome(int(end.value.code or 0), said.out, said.err)

    yield run
    for application in opened:
        wiring_of(application).tools.database.close()


@pytest.fixture
def url(backend, new_database):
    """An empty database."""
    return new_database(backend)


@pytest.fixture
def migrated(url):
    """A database with our schema."""
    migrate(url)
    return url


def in_a_process(*arguments, **settings):
    """Run the installed command, with no settings but these."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    given = {f"CHALK_{name}": value for name, value in settings.items()}
    done = subprocess.run(
        [COMMAND, *arguments], env=surroundings | given, capture_output=True, text=True, timeout=60, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def announced(process, last):
    """Read what a server prints, up to the line that begins like this."""
    guard = threading.Timer(30, process.terminate)
    guard.start()
    lines = []
    for line in iter(process.stdout.readline, ""):
        lines.append(line.rstrip("\n"))
        if line.startswith(last):
            break
    guard.cancel()
    return lines


def exchange(port, api_key):
    """Exchange a key at a running server, and give the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/v1/auth/token", json.dumps({"api_key": api_key}), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def variables(lines):
    return dict(line.split("=", 1) for line in lines if line[:1].isupper() and "=" in line)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], ["serve", "db", "admin-key", "tenants", "demo"]),
        (["db"], ["upgrade"]),
        (["tenants", "create"], ["--name"]),
        (["serve"], ["--host", "--port", "--workers"]),
    ],
)
def test_help_names_what_there_is(chalk_auth, arguments, named):
    """
    A newcomer finds every command and option without reading code, and without a database.
    """
    said = chalk_auth(NOBODY, *arguments, "--help")

    assert (said.status, said.err) == (0, "")
    assert [each for each in named if each not in said.out] == []


def test_db_upgrade_makes_the_schema(chalk_auth, url):
    """
    After it a tenant can be opened; run again, it changes nothing.
    """
    for _ in range(2):
        assert chalk_auth(url, "db", "upgrade") == Outcome(0, "The schema is up to date.\n", "")

    assert chalk_auth(url, "tenants", "create", "--name", "Acme").status == 0


def test_created_keys_are_lines_for_a_shell(chalk_auth, migrated):
    """
    `ADMIN_KEY=`, `TENANT_ID=`, `API_KEY=`, nothing else, and they work.
    """
    operator = chalk_auth(migrated, "admin-key", "create")
    tenant = chalk_auth(migrated, "tenants", "create", "--name", "Zürich & Söhne")

    assert (operator.status, operator.err, list(operator.lines)) == (0, "", ["ADMIN_KEY"])
    assert (tenant.status, tenant.err, list(tenant.lines)) == (0, "", ["TENANT_ID", "API_KEY"])
    application = create_app(environment(migrated))
    tools = wiring_of(application).tools
    assert authenticate_api_key(operator.lines["ADMIN_KEY"], tools).kind == "operator"
    assert authenticate_api_key(tenant.lines["API_KEY"], tools).kind == "tenant"
    tools.database.close()


def test_what_is_over_is_forgotten(chalk_auth, migrated):
    """
    `forget-expired` deletes all that has been over for long, says how many, and finds nothing the second time.
    """
    tools = wiring_of(create_app(environment(migrated))).tools
    tenant = a_tenant(tools)
    for _ in range(3):
        a_pair(tools, tenant)
    with tools.database.transaction() as connection:
        long_ago = tools.clock.now() - timedelta(days=8)
        connection.execute(
            update(FamilyRow).where(FamilyRow.id.in_(select(FamilyRow.id).limit(2))).values(revoked_at=long_ago)
        )
    tools.database.close()

    assert chalk_auth(migrated, "forget-expired") == Outcome(0, "FORGOTTEN=2\n", "")
    assert chalk_auth(migrated, "forget-expired") == Outcome(0, "FORGOTTEN=0\n", "")


@pytest.mark.parametrize(
    "arguments", [["db", "upgrade"], ["tenants", "create", "--name", "x"], ["admin-key", "create"], ["demo"]]
)
def test_a_database_that_is_away_is_said_in_a_sentence(chalk_auth, arguments):
    """
    A21, B2: status 1, one line on standard error, none on standard output, and no password.

    Only `serve` starts without it: the first request that finds it back is answered.
    """
    said = chalk_auth(NOBODY, *arguments, DATABASE_TIMEOUT_SECONDS="1")

    assert (said.status, said.out) == (1, "")
    assert said.err == "chalk-auth: The database does not answer.\n"


def test_a_database_without_tables_is_told_what_to_run(url):
    """
    Who forgot to migrate reads which command does it.
    """
    for arguments in (["tenants", "create", "--name", "x"], ["admin-key", "create"]):
        said = in_a_process(*arguments, DATABASE_URL=url, MASTER_KEY=MASTER_KEY)

        assert (said.status, said.out) == (1, "")
        assert "chalk-auth db upgrade" in said.err
        assert said.err.count("\n") == 1


def test_a_wrong_command_is_explained(chalk_auth):
    """
    What is missing or unknown is named, with status 2, as shells expect.
    """
    for arguments, named in [
        (["tenants", "create"], "--name"),
        (["tenant"], "tenant"),
        (["demo", "--port", "0"], "--port"),
    ]:
        said = chalk_auth(NOBODY, *arguments)

        assert (said.status, said.out) == (2, "")
        assert named in said.err


def test_bad_settings_are_said_together_and_without_a_traceback():
    """
    The installed command names every wrong setting, on standard error, with status 1.
    """
    said = in_a_process("serve", ACCESS_TTL_SECONDS="soon", TYPO="1", DATABASE_URL="postgresql://u:hidden@h:x/d")

    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("chalk-auth: The settings are not usable:\n")
    assert {line.partition(":")[0] for line in said.err.splitlines()[1:]} == {
        "CHALK_ACCESS_TTL_SECONDS",
        "CHALK_TYPO",
        "CHALK_DATABASE_URL",
    }
    assert "hidden" not in said.err


def test_a_loose_key_file_is_said_with_the_command_that_mends_it(tmp_path):
    """
    E7: the installed command refuses, says what to run, and works once that was run.
    """
    settings = {"KEYS_DIRECTORY": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/chalk.db"}
    assert in_a_process("db", "upgrade", **settings).status == 0
    (tmp_path / "master.key").chmod(0o644)

    said = in_a_process("tenants", "create", "--name", "x", **settings)

    assert (said.status, said.out) == (1, "")
    sentence, _, command = said.err.strip().partition(" Run: ")
    assert sentence.startswith(f"chalk-auth: {tmp_path}/master.key may be read by others")
    subprocess.run(command, shell=True, check=True)
    assert in_a_process("tenants", "create", "--name", "x", **settings).status == 0


def test_the_demo_makes_its_keys_once(url):
    """
    A first token in a minute: the printed lines work; a second start keeps the database and says how to make new keys.
    """
    port = free_port()
    command = [COMMAND, "demo", "--port", str(port)]
    with running(command, port, url) as server:
        first = variables(announced(server.process, '-d \'{"refresh_token"'))
        statuses = [exchange(server.port, first["API_KEY"])]
    with running(command, port, url) as server:
        lines = announced(server.process, "# To begin anew")
        statuses.append(exchange(server.port, first["API_KEY"]))

    assert list(first) == ["BASE_URL", "TENANT_ID", "API_KEY", "ADMIN_KEY", "ROOM_ID"]
    assert first["BASE_URL"] == f"http://127.0.0.1:{port}"
    assert statuses == [200, 200]
    assert variables(lines) == {name: first[name] for name in ("BASE_URL", "TENANT_ID", "ROOM_ID")}
    assert any("chalk-auth admin-key create" in line for line in lines)
