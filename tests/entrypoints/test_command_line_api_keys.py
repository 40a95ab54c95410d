"""`chalk-auth keys`: an operator at the server's own command line looks after the keys of a tenant."""

import io
import json
import sys
from dataclasses import dataclass

import pytest

from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidApiKeyError, InvalidRefreshTokenError, KeyInBrowserError
from app.foundation.sender import Sender
from tests.builders import Tenant, a_pair, a_tenant
from tests.conftest import ROOT

VECTOR = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"


@dataclass(frozen=True)
class Outcome:
    """What a command left: its status, and what it said."""

    status: int
    out: str
    err: str

    @property
    def facts(self):
        """Read what it printed as JSON."""
        return json.loads(self.out)


@pytest.fixture
def run(start, monkeypatch, capsys):
    """Run a command about keys in this process."""

    def command(*arguments, given=""):
        monkeypatch.setattr(sys, "argv", ["chalk-auth", "keys", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        with pytest.raises(SystemExit) as end:
            cli.run(Launcher(start, start, str(ROOT / "migrations"), "none"))
        said = capsys.readouterr()
        return Outcome(int(end.value.code or 0), said.out, said.err)

    return command


@pytest.fixture
def tools(start):
    """A worker on the same database."""
    return wiring_of(start()).tools


def test_a_key_is_made_seen_replaced_and_revoked(run, tools):
    """
    CONTRACT 3: what an operator does for a tenant that lost its keys; each secret is printed once, for a shell or as
    JSON, and a revoked key ends what it opened.
    """
    tenant = a_tenant(tools)
    to = ("--tenant", tenant.id)

    asked = ("--name", "CI", "--scope", "rooms:read offline_access", "--rate-limit", "7")
    created = run("create", *to, *asked, "--output", "json").facts
    assert authenticate_api_key(created["api_key"], tools).scope == "rooms:read offline_access"
    rotated = dict(line.split("=") for line in run("rotate", created["id"], *to, "--grace", "60").out.splitlines())
    listed = run("list", *to, "--output", "json").facts
    table = run("list", *to).out.splitlines()

    # All were made at one moment of this clock, so their order says nothing.
    assert {(each["id"], each["status"], each["name"]) for each in listed} == {
        (f"key_{tenant.api_key[8:16]}", "active", None),
        (created["id"], "rotating", "CI"),
        (rotated["KEY_ID"], "active", "CI"),
    }
    assert [row.split()[:2] for row in table[1:]] == [[each["id"], each["status"]] for each in listed]
    # Its successor has the same limit.
    assert sorted(each["rate_limit_per_minute"] or 0 for each in listed) == [0, 7, 7]
    assert sorted(row.split()[-2] for row in table[1:]) == ["-", "7", "7"]
    assert not any(secret in run("list", *to).out for secret in (created["api_key"], rotated["API_KEY"]))

    pair = a_pair(tools, Tenant(tenant.id, rotated["API_KEY"]))
    assert run("revoke", rotated["KEY_ID"], *to).out == f"revoked {rotated['KEY_ID']}\n"
    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(rotated["API_KEY"], tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(pair.refresh_token or ""), tools)


def test_a_key_for_tests_is_made_and_told_apart(run, tools):
    """
    CONTRACT 2: `--mode test` makes a test key, without it a key is live; lists tell them apart.
    """
    tenant = a_tenant(tools)
    to = ("--tenant", tenant.id)

    made = [run("create", *to, "--name", "CI", *mode, "--output", "json").facts for mode in ([], ["--mode", "test"])]
    callers = [authenticate_api_key(each["api_key"], tools) for each in made]
    listed = {each["id"]: each["mode"] for each in run("list", *to, "--output", "json").facts}
    table = {row.split()[0]: row.split()[2] for row in run("list", *to).out.splitlines()}

    assert [each.mode for each in callers] == ["live", "test"]
    assert listed == {made[0]["id"]: "live", made[1]["id"]: "test", f"key_{tenant.api_key[8:16]}": "live"}
    assert table == {"id": "mode", **listed}
    assert run("create", *to, "--name", "CI", "--mode", "prod").status == 2


def test_a_key_for_browsers_is_made_on_demand_alone(run, tools):
    """
    CONTRACT 2: only with the option may a browser send it.
    """
    tenant, browser = a_tenant(tools), Sender("192.0.2.1", from_browser=True)
    asked = ("create", "--tenant", tenant.id, "--name", "Page", "--output", "json")

    allowed, usual = run(*asked, "--allow-browsers").facts["api_key"], run(*asked).facts["api_key"]

    assert authenticate_api_key(allowed, tools, sender=browser).kind == "tenant"
    with pytest.raises(KeyInBrowserError):
        authenticate_api_key(usual, tools, sender=browser)


def test_a_compromised_key_is_dead_at_once(run, tools):
    """
    I10: whatever grace is asked for.
    """
    tenant = a_tenant(tools)

    said = run("rotate", f"key_{tenant.api_key[8:16]}", "--tenant", tenant.id, "--grace", "60", "--compromised")

    assert said.status == 0
    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(tenant.api_key, tools)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["create", "--tenant", "tenant_x", "--name", "CI"], 1, "Not found"),
        (["create", "--tenant", "{}", "--name", "\x07"], 2, "--name"),
        (["create", "--tenant", "{}", "--name", "CI", "--scope", "admin"], 1, "scope"),
        (["create", "--tenant", "{}", "--name", "CI", "--rate-limit", "0"], 2, "--rate-limit"),
        (["create", "--tenant", "{}", "--name", "CI", "--expires-at", "tomorrow"], 2, "--expires-at"),
        (["create", "--tenant", "{}", "--name", "CI", "--expires-at", "2027-01-31T00:00:00"], 2, "--expires-at"),
        (["create", "--tenant", "{}", "--name", "CI", "--expires-at", "2001-01-31T00:00:00Z"], 1, "future"),
        (["list", "--tenant", "tenant_x"], 1, "Not found"),
        (["rotate", "key_00000000", "--tenant", "{}"], 1, "Not found"),
        (["rotate", "key_00000000", "--tenant", "{}", "--grace", "-1"], 2, "--grace"),
        (["revoke", "nonsense", "--tenant", "{}"], 1, "Not found"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(run, tools, arguments, status, words):
    """
    A refusal is one line, and a status that a script sees.
    """
    tenant = a_tenant(tools)

    said = run(*(each.format(tenant.id) for each in arguments))

    assert (said.status, said.out) == (status, "")
    assert words in said.err


def test_a_string_is_checked_without_asking_anybody(run):
    """
    CONTRACT 2: the vectors of the contract are written like keys, a typing error is not; the string is read from
    standard input, and stands neither in the answer nor in a list of processes.
    """
    right = run("check", given=f"{VECTOR}\n")
    as_json = run("check", "--output", "json", given=VECTOR.replace("_live_", "_test_").replace("1p50Q6", "0mYl79"))
    wrong = run("check", given=VECTOR[:-1] + "7")

    assert right == Outcome(0, "key_7Hq2Zt9B: sk, live\n", "")
    assert as_json.facts == {"id": "key_7Hq2Zt9B", "kind": "sk", "mode": "test"}
    assert (wrong.status, wrong.out) == (1, "")
    assert "not written like an API key" in wrong.err
    assert VECTOR[17:] not in wrong.err
