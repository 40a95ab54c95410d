"""The harness proves itself: it catches two wrong servers, passes a right one, and a seed gives the same schedule."""

import dataclasses
import itertools
import os
import tempfile

import pytest

from bench.torture.__main__ import main
from bench.torture.clients.target import Credential, post
from bench.torture.faults.ports import free_port
from bench.torture.faults.proxy import Proxy
from bench.torture.faults.schedule import schedule
from bench.torture.hosts.clocked import SteppedClock
from bench.torture.small_servers import KINDS, Right, served, target_of
from bench.torture.suites import SMALL, small
from tests.adversary.load import until

FAULTS = ["cut", "kill", "stall"]


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path):
    """Torture for as long as it takes to see what there is to see, and keep evidence in the test's own folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("bench.torture.suites.SMALL", dataclasses.replace(SMALL, seconds=1.2))


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_servers_are_caught_and_a_right_one_passes(kind):
    """
    I1, I2: save-then-revoke and siblings on retry are found to fork; the right server breaks no rule.
    """
    verdict = small(kind, "1")

    assert verdict.passed, "\n".join(verdict.lines)
    assert ("I1" in {each.rule for each in verdict.result.violations}) == (kind != "right")


@pytest.mark.parametrize(("kind", "status"), [("right", 0), ("siblings-on-retry", 1)])
def test_any_server_is_tortured_by_its_token_url(kind, status, capsys):
    """
    A server that the harness knows by its URLs alone is judged, and the exit status says how.
    """
    with served(KINDS[kind](), free_port()) as url:
        doors = ("token", "revoke", "introspect", "jwks")
        asked = [f"--{door}-url={url}/{door}" for door in doors]
        ended = main([*asked, "--client-id=c", "--client-secret=s", "--seconds=1", "--rest=0.3", "--seed=1"])

    assert ended == status, capsys.readouterr().out


def test_a_seed_gives_the_same_schedule():
    """
    One seed plans the same faults each time, each of them at least once; another seed plans others.
    """
    planned = schedule("7", FAULTS, 30, gap_seconds=1, longest=2)

    assert planned == schedule("7", FAULTS, 30, gap_seconds=1, longest=2)
    assert planned != schedule("8", FAULTS, 30, gap_seconds=1, longest=2)
    assert {each.name for each in planned} == set(FAULTS)
    assert all(later.at > each.at + each.seconds for each, later in itertools.pairwise(planned))


def test_a_dropped_answer_is_lost_after_the_work_was_done():
    """
    The proxy lets a request through and its answer not: to the client, nobody knows what came of it.
    """
    rotations = Right()
    with served(rotations, free_port()) as url:
        proxy = Proxy(free_port(), ("127.0.0.1", int(url.rpartition(":")[2])), "1").start()
        target = target_of(url, ("127.0.0.1", proxy.port))
        host, client = target.hosts[0], Credential("steady", "client", "secret")
        first = post(host, host.token, target.issue, client).body["refresh_token"]
        asked = {"grant_type": "refresh_token", "refresh_token": first}

        proxy.mode = "drop_answers"
        dropped = post(host, host.token, asked, client, {"Idempotency-Key": "one-and-the-same"})
        until(lambda: rotations.tokens[first].spent, [])
        proxy.mode = "pass"
        again = post(host, host.token, asked, client, {"Idempotency-Key": "one-and-the-same"})
        proxy.stop()

    assert dropped.status is None
    assert [again.body["refresh_token"]] == rotations.tokens[first].children


def test_a_worker_believes_what_its_clock_says(tmp_path):
    """
    The clock of one worker is off by what its file says, from one moment to the next.
    """
    clock = SteppedClock(tmp_path)
    before = clock.now()

    (tmp_path / str(os.getpid())).write_text("-3600", encoding="ascii")
    stepped = clock.now()

    assert 3590 < (before - stepped).total_seconds() <= 3600
