"""`chalk-auth events tail`: an operator at the server's own command line reads what happens to a tenant."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.open_room import open_room
from app.foundation.clock import rfc3339
from app.foundation.identifiers import new_id, print_id
from tests.builders import a_tenant
from tests.conftest import MASTER_KEY, ROOT
from tests.named_keys import API, by, caller, name_of
from tests.servers import COMMAND


@pytest.fixture
def run(start, monkeypatch, capsys):
    """Run a command in this process; give its status and what it said."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["chalk-auth", "events", "tail", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.run(Launcher(start, start, str(ROOT / "migrations"), "none"))
        return int(end.value.code or 0), *capsys.readouterr()

    return command


@pytest.fixture
def tools(start):
    """A worker on the same database."""
    return wiring_of(start()).tools


@contextlib.contextmanager
def following(url, *arguments):
    """Run the command as a process that follows."""
    settings = {"CHALK_DATABASE_URL": url, "CHALK_MASTER_KEY": MASTER_KEY, "CHALK_LOG_LEVEL": "ERROR"}
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    command = [COMMAND, "events", "tail", "--follow", *arguments]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=surroundings | settings,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever runs the tests in the background of a shell ignores interrupts, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  it takes no lock
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_last_events_are_printed_the_earliest_first(run, tools, start, clock):
    """
    CONTRACT 3: of one tenant, a line each; as JSON, what the API says of them, to the field.
    """
    tenant, other = a_tenant(tools), a_tenant(tools)
    for _ in range(3):
        open_room(caller(tenant, tools), "Lobby", tools)
    open_room(caller(other, tools), "Lobby", tools)
    path = f"{API}/tenants/{tenant.id}/events"
    listed = start().test_client().get(path, headers=by(tenant.api_key)).json["data"]

    text = run("--tenant", tenant.id)
    some = run("--tenant", tenant.id, "--limit", "2", "--output", "json")

    opened = f"{rfc3339(clock.now())}  tenant.opened  key_id={name_of(tenant)}"
    assert (text[0], text[2], text[1].splitlines()[0]) == (0, "", opened)
    assert len(text[1].splitlines()) == 4
    assert (some[0], some[2]) == (0, "")
    assert [json.loads(line) for line in some[1].splitlines()] == listed[1::-1]
    assert run("--tenant", tenant.id, "--limit", "0") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "--tenant"),
        (["--tenant", "nonsense"], 1, "Not found"),
        (["--tenant", "{}", "--limit", "-1"], 2, "--limit"),
        (["--tenant", "{}", "--output", "yaml"], 2, "--output"),
    ],
)
def test_what_cannot_be_printed_is_said_in_a_sentence(run, arguments, status, words):
    """
    A refusal is one line, and a status that a script sees.
    """
    said = run(*(each.format(print_id("tenant", new_id())) for each in arguments))

    assert said[:2] == (status, "")
    assert words in said[2]


def test_what_happens_is_printed_until_somebody_interrupts(tools, own_database):
    """
    CONTRACT 3: an event is a line as soon as it is there, also in a pipe; an interrupt ends it, and that is no failure.
    """
    tenant = a_tenant(tools)
    with following(own_database, "--tenant", tenant.id, "--output", "json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        rooms = [print_id("room", open_room(caller(tenant, tools), "Lobby", tools).id) for _ in range(2)]
        seen = [json.loads(process.stdout.readline())["data"] for _ in rooms]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)

    assert first["type"] == "tenant.opened"
    assert seen == [{"room_id": each} for each in rooms]
    assert (process.returncode, rest, errors) == (0, "", "")
