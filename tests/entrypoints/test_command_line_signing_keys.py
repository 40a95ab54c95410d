"""`chalk-auth signing-keys`: look at the keys, and take a step by hand, or read why not now."""

import re
import sys
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.entrypoints import cli
from app.entrypoints.wiring import Launcher
from app.flows.tend_signing_keys import tend_signing_keys
from app.foundation.clock import rfc3339
from tests.conftest import ROOT
from tests.signing_keys import kids, published_by, record, the


@dataclass(frozen=True)
class Outcome:
    """What a command left: its status, and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(start, monkeypatch, capsys):
    """Run a command about signing keys in this process, on the test's own database and clock."""

    def launch(warm):
        made = start(SIGNING_ALGORITHM="ES256")
        if warm:
            tend_signing_keys(made.extensions["chalk"].tools)
        return made

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["chalk-auth", "signing-keys", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.run(Launcher(lambda: launch(False), lambda: launch(True), str(ROOT / "migrations"), "none"))
        said = capsys.readouterr()
        return Outcome(int(end.value.code or 0), said.out, said.err)

    return command


@pytest.fixture
def tools(worker):
    """A worker whose keys were just made."""
    made = worker(SIGNING_ALGORITHM="ES256")
    tend_signing_keys(made)
    return made


def pem(tmp_path, key):
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(file)


def table_of(said):
    """Read the rows of the list, by kid: state, published, signs from, verifies until."""
    rows = [re.split(r" {2,}", line.rstrip()) for line in said.out.partition("\n\n")[0].splitlines()]
    assert rows[0] == ["kid", "kind", "state", "published", "signs from", "verifies until"]
    return {row[0]: row[1:] for row in rows[1:]}


def test_help_names_every_step(run):
    """
    A newcomer finds what there is, and that nothing needs to be done.
    """
    said = run("--help")
    assert (said.status, said.err) == (0, "")
    assert "rotate by themselves" in said.out
    assert {"list", "rotate", "activate", "retire", "revoke", "import"} <= set(said.out.split())


def test_the_list_says_what_was_and_what_will_be(run, tools, clock):
    """
    CONTRACT 7: every key with its moments, those to come as planned; a drawing below.
    """
    began = clock.now()
    first, second = the(tools, "active"), the(tools, "standby")
    clock.step(days=90)
    tend_signing_keys(tools)
    rotated, third = clock.now(), the(tools, "standby")

    said = run("list")

    assert (said.status, said.err) == (0, "")
    after = timedelta(seconds=2 * 5 + 3600 + 120)
    over = rotated + timedelta(days=90)
    assert table_of(said) == {
        first: ["ES256", "retired", *map(rfc3339, (began, began, rotated + after))],
        second: ["ES256", "active", *map(rfc3339, (began, rotated, over + after))],
        third: ["ES256", "standby", rfc3339(rotated), rfc3339(over), "-"],
    }


def test_the_drawing_shows_which_key_signs_when(run, tools, clock):
    """
    CONTRACT 7: one line a key, on one scale: published, signing, verifying, and now.
    """
    clock.step(days=45)

    said = run("list")

    *rows, _dates, legend = said.out.partition("\n\n")[2].splitlines()
    drawn = {row[:8]: (row[10:70], row[70:].strip()) for row in rows}
    signs, waits = drawn[the(tools, "active")[:8]], drawn[the(tools, "standby")[:8]]
    assert (signs[1], waits[1]) == ("active", "standby")
    assert re.fullmatch(r"#{28,31}\|#{26,31}=", signs[0])
    assert re.fullmatch(r"\.{28,31}\|\.{26,31}# ?", waits[0])
    assert signs[0].index("|") == waits[0].index("|")
    assert [word for word in legend.split() if len(word) > 1] == ["published", "signs", "verifies", "now"]


def test_keys_that_are_gone_are_listed_with_their_reason_and_not_drawn(run, tools):
    """
    CONTRACT 7: what was done by hand, and why, can be read for as long as the database is kept.
    """
    gone = the(tools, "active")
    assert run("revoke", gone, "--reason", "the disk was sold") == Outcome(0, "", "")

    said = run("list")

    table, _, drawing = said.out.partition("\n\n")
    (line,) = [line for line in table.splitlines() if line.startswith(gone)]
    assert "revoked" in line
    assert line.endswith("(the disk was sold)")
    assert gone[:8] not in drawing


@pytest.mark.parametrize("named", [False, True])
def test_rotating_too_early_is_refused_with_the_time(run, tools, clock, named):
    """
    E2: exit status 1, one sentence with the moment from which it is safe; then it is done.
    """
    active, standby = the(tools, "active"), the(tools, "standby")
    command = ["activate", standby] if named else ["rotate"]

    said = run(*command)

    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert "refused" in said.err
    assert rfc3339(clock.now() + timedelta(seconds=660)) in said.err
    assert the(tools, "active") == active
    clock.step(seconds=660)
    assert run(*command) == Outcome(0, f"ACTIVE={standby}\n", "")
    assert (the(tools, "active"), the(tools, "retired")) == (standby, active)


@pytest.mark.parametrize("step", ["rotate", "activate", "retire"])
@pytest.mark.parametrize("half", [["--force"], ["--reason", "why"]])
def test_force_and_reason_go_together(run, tools, step, half):
    """
    CONTRACT 7: who insists says why; half of it is a wrong command, with status 2, and changes nothing.
    """
    kid = [] if step == "rotate" else [the(tools, "standby")]

    said = run(step, *kid, *half)

    assert (said.status, said.out) == (2, "")
    assert "--force and --reason go together" in said.err
    assert (len(kids(tools, "active")), len(kids(tools, "standby")), kids(tools, "retired")) == (1, 1, [])


@pytest.mark.parametrize("reason", ["", "   "])
def test_an_empty_reason_is_none(run, tools, reason):
    """
    CONTRACT 7: a force that is recorded with nothing is not recorded.
    """
    active = the(tools, "active")
    for arguments in (["rotate", "--force", "--reason", reason], ["revoke", active, "--reason", reason]):
        said = run(*arguments)
        assert (said.status, said.out) == (2, "")
    assert the(tools, "active") == active


def test_forced_it_rotates_and_the_reason_is_recorded(run, tools):
    """
    CONTRACT 7: at once.
    """
    standby = the(tools, "standby")
    assert run("rotate", "--force", "--reason", "an audit").out == f"ACTIVE={standby}\n"
    assert record(tools, standby).reason == "an audit"


def test_retiring_says_what_is_not_safe(run, tools, clock):
    """
    E2: the key that signs stays; one whose tokens live goes later; a standby goes, and another comes.
    """
    active, standby = the(tools, "active"), the(tools, "standby")
    assert (run("retire", active).status, the(tools, "active")) == (1, active)
    clock.step(days=90)
    safe_at = rfc3339(clock.now() + timedelta(seconds=2 * 5 + 3600 + 120))

    said = run("retire", active)

    assert (said.status, said.out) == (1, "")
    assert safe_at in said.err
    assert run("retire", the(tools, "standby")) == Outcome(0, "", "")
    assert (the(tools, "active"), len(kids(tools, "standby"))) == (standby, 1)


@pytest.mark.parametrize("step", [["activate"], ["retire"], ["revoke", "--reason", "why"]])
@pytest.mark.parametrize(
    "kid", ["-zUC3ltR37SA2EiqG6gW5Eczlg6U_LVEvIjf1Jnbg9c", "--UC3ltR37SA2EiqG6gW5Eczlg6U_LVEvIjf1Jnbg9"]
)
def test_a_kid_that_looks_like_an_option_is_a_kid(run, tools, step, kid):
    """
    E6: thumbprints may begin with a dash, and an emergency is no time to learn of `--`.
    """
    said = run(step[0], kid, *step[1:])

    assert (said.status, said.err) == (1, "chalk-auth: Not found\n")


def test_an_unknown_key_is_not_found(run, tools):
    """
    In a sentence, with status 1.
    """
    for arguments in (["activate", "never"], ["retire", "never"], ["revoke", "never", "--reason", "why"]):
        assert run(*arguments) == Outcome(1, "", "chalk-auth: Not found\n")
    assert run("revoke", the(tools, "active")).status == 2


def test_a_key_of_ones_own_is_brought_as_a_file(run, tools, tmp_path):
    """
    CONTRACT 7: it becomes the standby, and is named; of another kind, it is refused with what is wanted.
    """
    said = run("import", pem(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    assert (said.status, said.err) == (0, "")
    assert said.out == f"STANDBY={the(tools, 'standby')}\n"

    refused = run("import", pem(tmp_path, rsa.generate_private_key(65537, 2048)))
    assert (refused.status, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "unencrypted private key of the kind ES256" in refused.err
    assert run("import", str(tmp_path / "none.pem")).status == 2
    tend_signing_keys(tools)
    assert published_by(tools).keys() == {the(tools, "active"), the(tools, "standby")}
