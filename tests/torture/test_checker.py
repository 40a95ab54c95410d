"""The checker of the torture: a history that is right passes, and each rule is found broken in one that breaks it."""

import dataclasses
from typing import Any

import pytest

from bench.torture.checking import Promises, check
from bench.torture.history import Disturbance
from tests.torture.histories import issue, lost, operation, refresh, stolen

KEY = Promises("key")
WINDOW = Promises("window", window_seconds=10)
STRICT = Promises("strict")
K: dict[str, Any] = {"key": "key-1"}
REVOKED: dict[str, Any] = {"presented": "t1", "client": "admin", "role": "admin"}
DATABASE_AWAY = Disturbance("kill", "", 10.0, 12.0, away="database")
UNAVAILABLE: dict[str, Any] = {"outcome": "unknown", "status": 503, "retry_after": True}

RIGHT = {
    "a chain": (KEY, [issue(1, "t1"), refresh(2, "t1", "t2", **K), refresh(3, "t2", "t3", key="key-2")]),
    "a lost answer": (KEY, [issue(1, "t1"), lost(2, "t1", **K), refresh(3, "t1", "t2", **K)]),
    "two copies at once": (KEY, [issue(1, "t1"), refresh(2, "t1", "t2", **K), refresh(2.05, "t1", "t2", **K)]),
    "a late copy": (
        KEY,
        [issue(1, "t1"), refresh(2, "t1", "t2", **K), refresh(3, "t2", "t3", key="key-2"), refresh(4, "t1", **K)],
    ),
    "a thief is caught": (
        KEY,
        [issue(1, "t1"), refresh(2, "t1", "t2", **K), stolen(3, "t1"), refresh(4, "t2", key="key-2")],
    ),
    "a thief was faster": (KEY, [issue(1, "t1"), stolen(2, "t1", "t2"), refresh(3, "t1", **K), stolen(4, "t2")]),
    "a revocation": (KEY, [issue(1, "t1"), operation("revoke", 2, **REVOKED), refresh(3, "t1", **K)]),
    "a revocation whose answer was lost": (
        KEY,
        [issue(1, "t1"), operation("revoke", 2, **REVOKED | {"outcome": "unknown"}), refresh(3, "t1", **K)],
    ),
    "within the window": (WINDOW, [issue(1, "t1"), refresh(2, "t1", "t2"), refresh(3, "t1", "t2")]),
    "after the window": (WINDOW, [issue(1, "t1"), lost(2, "t1"), refresh(12, "t1")]),
    "a late document": (
        KEY,
        [operation("get", 20, outcome="unknown", status=None, session="", what="jwks", error="timeout")],
    ),
    "strict locks out": (STRICT, [issue(1, "t1"), lost(2, "t1"), refresh(3, "t1")]),
    "strict catches": (STRICT, [issue(1, "t1"), refresh(2, "t1", "t2"), stolen(3, "t1"), refresh(4, "t2")]),
}

BROKEN = {
    "two successors": ("I1", KEY, [issue(1, "t1"), refresh(2, "t1", "t2", **K), refresh(2.05, "t1", "t2'", **K)]),
    "two branches in use": (
        "I2",
        KEY,
        [
            issue(1, "t1"),
            refresh(2, "t1", "t2", **K),
            refresh(2.05, "t1", "t2'", **K),
            refresh(3, "t2", "t3", key="key-2"),
            refresh(4, "t2'", "t3'", key="key-3"),
        ],
    ),
    "alive after a revocation": (
        "I3",
        KEY,
        [issue(1, "t1"), operation("revoke", 2, **REVOKED), refresh(3, "t1", "t2", **K)],
    ),
    "active after a revocation": (
        "I3",
        KEY,
        [issue(1, "t1"), operation("revoke", 2, **REVOKED), operation("introspect", 3, active=True)],
    ),
    "alive after a reuse": (
        "I3",
        KEY,
        [issue(1, "t1"), refresh(2, "t1", "t2", **K), stolen(3, "t1"), refresh(4, "t2", "t3", key="key-2")],
    ),
    "alive after a suspension": (
        "I3",
        KEY,
        [issue(1, "t1"), operation("suspend", 2, session="", client="admin"), refresh(3, "t1", "t2", **K)],
    ),
    "a good token is refused": (
        "I4",
        KEY,
        [issue(1, "t1"), refresh(2, "t1", "t2", **K), refresh(3, "t2", key="key-2")],
    ),
    "a retry by key is refused": ("I5", KEY, [issue(1, "t1"), lost(2, "t1", **K), refresh(3, "t1", **K)]),
    "a retry in the window is refused": ("I5", WINDOW, [issue(1, "t1"), lost(2, "t1"), refresh(3, "t1")]),
    "no answer at all": ("I5", KEY, [issue(1, "t1"), lost(2, "t1", **K), lost(3, "t1", **K)]),
    "an honest session is lost": ("I6", KEY, [issue(1, "t1"), lost(2, "t1", **K), refresh(3, "t1", **K)]),
    "spent is accepted": ("I7", KEY, [issue(1, "t1"), refresh(2, "t1", "t2", **K), stolen(3, "t1", "t2")]),
    "spent is accepted, by strict": ("I7", STRICT, [issue(1, "t1"), refresh(2, "t1", "t2"), refresh(3, "t1", "t2")]),
    "long spent is accepted": (
        "I7",
        WINDOW,
        [issue(1, "t1"), refresh(2, "t1", "t2"), refresh(3, "t2", "t3"), refresh(4, "t1", "t2")],
    ),
    "one id twice": ("I8", KEY, [issue(1, "t1", access="same"), refresh(2, "t1", "t2", access="same", **K)]),
    "unverifiable": ("I9", KEY, [issue(1, "t1", access="a"), operation("verify", 2, access="a", outcome="refused")]),
    "a dead key works": (
        "I10",
        KEY,
        [
            operation("rotate_key", 1, presented="old", child="new", session=""),
            issue(2, "t1", presented="old"),
        ],
    ),
    "503 while all is well": ("S1", KEY, [refresh(2, "t1", **UNAVAILABLE)]),
    "500": ("S2", KEY, [refresh(11, "t1", **UNAVAILABLE | {"status": 500})]),
    "503 without a hint": ("S2", KEY, [refresh(11, "t1", **UNAVAILABLE | {"retry_after": False})]),
    "a right credential": ("S3", KEY, [refresh(2, "t1", error="invalid_client", status=401)]),
    "no JWKS": ("S4", KEY, [operation("get", 11, outcome="unknown", status=None, session="", what="jwks")]),
}


def broken(promises, operations):
    """Give the rules that the checker finds broken."""
    return {each.rule for each in check(operations, promises, [DATABASE_AWAY])}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_history_passes(name):
    """
    I1, I2, I3, I4, I5, I6, I7: what a right server may answer is not held against it.
    """
    assert broken(*RIGHT[name]) == set()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_found(name):
    """
    I1, I2, I3, I4, I5, I6, I7, I8, I9, I10: each rule is broken by the history that is made to break it.
    """
    rule, promises, operations = BROKEN[name]

    assert rule in broken(promises, operations)


def test_an_answer_says_nothing_of_what_was_sent_before_it():
    """
    I3, I7: only what was sent after an answer is held against it; what overlaps may have come first.
    """
    for rule in ("I3", "I7"):
        for name, (of, promises, operations) in BROKEN.items():
            if of == rule:
                early = [dataclasses.replace(each, returned=100 + number) for number, each in enumerate(operations)]
                assert rule not in broken(promises, early), name


def test_faults_of_the_network_excuse_no_5xx():
    """
    S1: only while the database is away, and shortly after, may 503 be said.
    """
    assert broken(KEY, [refresh(11, "t1", **UNAVAILABLE), refresh(14.8, "t1", **UNAVAILABLE)]) <= {"I5"}
    assert "S1" in broken(KEY, [refresh(15.2, "t1", **UNAVAILABLE)])
    assert "S1" in {
        each.rule for each in check([refresh(11, "t1", **UNAVAILABLE)], KEY, [Disturbance("cut", "", 10, 12)])
    }
