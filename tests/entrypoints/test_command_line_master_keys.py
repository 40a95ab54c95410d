"""`chalk-auth master-key`: look at the master keys and take the steps, or read why not now."""

import sys
from dataclasses import dataclass

import pytest

from app import settings as configuration
from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.factory import create_app
from app.flows.tend_signing_keys import tend_signing_keys
from tests.builders import a_pair, a_tenant
from tests.conftest import MANY_GUESSES, MASTER_KEY, ROOT


@dataclass(frozen=True)
class Outcome:
    """What a command left: its status, and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def given(own_database, tmp_path):
    """The settings of a host with a keys directory of its own."""
    return {"DATABASE_URL": own_database, "KEYS_DIRECTORY": str(tmp_path / "keys"), **MANY_GUESSES}


@pytest.fixture
def run(given, clock, monkeypatch, capsys):
    """Run a command about master keys in this process."""
    opened = []

    def launch(warm, more):
        settings = configuration.read({f"CHALK_{name}": value for name, value in {**given, **more}.items()})
        opened.append(create_app(settings, clock, warm=warm))
        return opened[-1]

    def command(*arguments, **more):
        monkeypatch.setattr(sys, "argv", ["chalk-auth", "master-key", *arguments])
        launcher = Launcher(lambda: launch(False, more), lambda: launch(True, more), str(ROOT / "migrations"), "none")
        with pytest.raises(SystemExit) as end:
            cli.run(launcher)
        said = capsys.readouterr()
        return Outcome(int(end.value.code or 0), said.out, said.err)

    yield command
    for each in opened:
        wiring_of(each).tools.database.close()


@pytest.fixture
def tools(given, clock):
    """A worker on the same folder, whose keys were just made."""
    made = wiring_of(
        create_app(configuration.read({f"CHALK_{name}": value for name, value in given.items()}), clock)
    ).tools
    tend_signing_keys(made)
    yield made
    made.database.close()


def rows(said):
    return {line.split()[0]: line.split()[1:] for line in said.out.splitlines()[1:]}


def secrets_in(given):
    from_files = {file.read_text().strip() for file in (ROOT / given["KEYS_DIRECTORY"]).glob("*.key")}
    assert from_files
    return from_files


def test_the_whole_way_from_one_key_to_the_next(run, tools, given, clock):
    """
    E7: add, activate, rewrap and retire say what they did; `list` counts what hangs on each; no secret is printed.
    """
    tenant, old = a_tenant(tools), tools.master.id
    a_pair(tools, tenant)
    added = run("add")
    new = added.out.strip().removeprefix("MASTER_KEY_ID=")
    before = run("list")
    activated = run("activate", "--", new)
    rewrapped = run("rewrap")
    after = run("list")
    early = run("retire", "--", old)
    clock.step(minutes=2)
    hanging = run("retire", "--", old)
    gone = run("retire", "--force", "--reason", "an exercise", "--", old)
    last = run("list")
    said = [added, before, activated, rewrapped, after, early, hanging, gone, last]

    assert rows(before) == {old: ["current", "2", "1", "1"], new: ["known", "0", "0", "0"]}
    assert rewrapped.out.splitlines() == [
        "signing keys: 0 of 2",
        "signing keys: 1 of 2",
        "signing keys: 2 of 2",
        f"{old}: 1 API keys and 1 sessions have yet to move, by use",
    ]
    assert rows(after) == {new: ["current", "2", "0", "0"], old: ["known", "0", "1", "1"]}
    assert [each.status for each in said] == [0, 0, 0, 0, 0, 1, 1, 0, 0]
    assert early.err.startswith("Error: refused: 1 API keys and 1 sessions hang on it")
    assert hanging.err == early.err
    assert rows(last) == {new: ["current", "2", "0", "0"]}
    for secret in secrets_in(given):
        assert not any(secret in each.out + each.err for each in said)


def test_rotate_is_both_steps(run, tools):
    """
    Where all hosts share the folder, one command makes another key and uses it.
    """
    old = tools.master.id

    new = run("rotate").out.strip().removeprefix("MASTER_KEY_ID=")

    assert rows(run("list")) == {new: ["current", "0", "0", "0"], old: ["known", "2", "0", "0"]}


def test_a_step_that_is_not_safe_says_from_when_it_is(run, tools):
    """
    A worker may still use the key that was current a moment ago; the refusal names the time, on standard error.
    """
    old = tools.master.id
    run("rotate")
    run("rewrap")

    said = run("retire", "--", old)

    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("Error: refused: a worker may still make things under it. It is safe from 20")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["retire", "nonsense"], 1, "there is no such master key"),
        (["retire", "-onsense"], 1, "there is no such master key"),
        (["activate", "nonsense"], 1, "There is no master key nonsense in"),
        (["retire", "nonsense", "--force"], 2, "--force and --reason go together"),
        (["retire", "nonsense", "--reason", "x"], 2, "--force and --reason go together"),
        (["retire", "nonsense", "--force", "--reason", " "], 2, "--reason must say something"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(run, tools, arguments, status, words):
    """
    Nothing is changed, the status is not 0, and the sentence is on standard error; an id may begin with a dash.
    """
    said = run(*arguments)

    assert (said.status, said.out) == (status, "")
    assert words in said.err
    assert rows(run("list")) == {tools.master.id: ["current", "2", "0", "0"]}


def test_keys_of_a_variable_are_changed_there(run, own_database):
    """
    With CHALK_MASTER_KEY nothing here can add a key or make one current; `retire` says to take it out of the variable.
    """
    other = "b3RoZXIgbWFzdGVyIGtleSBvZiB0aGUgdGVzdCBzIDI="
    both = f"{MASTER_KEY},{other}"
    (old,) = [each for each, row in rows(run("list", MASTER_KEY=both)).items() if row[0] == "known"]

    for arguments in (["add"], ["activate", "--", old], ["rotate"]):
        said = run(*arguments, MASTER_KEY=both)
        assert (said.status, said.out) == (1, "")
        assert "CHALK_MASTER_KEY" in said.err
    retired = run("retire", "--", old, MASTER_KEY=both)

    assert retired == Outcome(0, "Now take it out of CHALK_MASTER_KEY, on every host.\n", "")
    assert list(rows(run("list", MASTER_KEY=MASTER_KEY)).values()) == [["current", "2", "0", "0"]]
