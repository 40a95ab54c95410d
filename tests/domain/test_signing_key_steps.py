"""The steps of the schedule as statements: each is claimed by one, and who meets another gives way."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event

from app.domain.signing_keys import activate, begin, drop, generate, publish, revoke, trusted, withdraw
from app.flows.tend_signing_keys import tend_signing_keys
from app.foundation.database import asking
from app.foundation.errors import ConfigurationError
from tests.signing_keys import kids, record, records, the


@pytest.fixture
def tools(worker):
    """A worker on a database without a key."""
    return worker(SIGNING_ALGORITHM="ES256")


@pytest.fixture
def do(tools):
    """Take a step in a transaction of its own."""

    def take(step, *arguments, **named):
        with tools.database.transaction() as connection:
            return step(connection, *arguments, **named, now=tools.clock.now())

    return take


def make(tools, do, step):
    """Publish a fresh key, or begin with it."""
    return do(step, generate("ES256"), "ES256", tools.keyring.wrapping)


def test_each_step_is_taken_once_and_only_from_its_state(tools, do):
    """
    E3: whatever is claimed a second time, or out of turn, is not done and changes nothing.
    """
    first = make(tools, do, begin)
    assert make(tools, do, begin) is None
    second = make(tools, do, publish)
    assert make(tools, do, publish) is None
    out_of_turn = [(activate, first, tools.schedule), (withdraw, first), (drop, first), (drop, second)]
    out_of_turn += [(activate, "never", tools.schedule), (withdraw, "never"), (drop, "never")]
    before = records(tools)
    assert [do(*step) for step in out_of_turn] == [False] * 7
    assert records(tools) == before

    assert [do(activate, second, tools.schedule) for _ in range(2)] == [True, False]
    assert (the(tools, "active"), the(tools, "retired")) == (second, first)
    assert [do(drop, first) for _ in range(2)] == [True, False]
    third = make(tools, do, publish)
    assert [do(withdraw, third) for _ in range(2)] == [True, False]
    assert [do(revoke, second, reason="why") for _ in range(2)] == [True, False]
    assert [do(revoke, kid, reason="again") for kid in (first, third)] == [False, False]
    assert sorted(kids(tools, "revoked")) == sorted([first, second, third])


def test_a_key_is_trusted_until_it_is_revoked(tools, do):
    """
    E6: standby, active and retired are; dropped, withdrawn and revoked are not, nor is one that never was.
    """

    def they_hold(*names):
        with tools.database.reading() as connection:
            return [asking(trusted)(connection, {"signed_by": kid})[0] for kid in names]

    first, second = make(tools, do, begin), make(tools, do, publish)
    assert they_hold(first, second, "never") == [True, True, False]
    do(activate, second, tools.schedule)
    assert they_hold(first, second) == [True, True]
    do(drop, first)
    do(revoke, second, reason="why")
    assert they_hold(first, second) == [False, False]


def test_what_is_retired_knows_when_its_last_token_is_over(tools, do):
    """
    E2: with the margins of the schedule, counted from when it stopped.
    """
    first, second = make(tools, do, begin), make(tools, do, publish)
    tools.clock.step(days=3)
    do(activate, second, tools.schedule, reason="why")

    retired, active = record(tools, first), record(tools, second)
    assert retired.retired_at == active.activated_at == tools.clock.now()
    assert retired.verify_until == tools.clock.now() + timedelta(seconds=2 * 5 + 3600 + 120)
    assert (retired.reason, active.reason) == (None, "why")


def test_a_step_that_meets_another_gives_way(worker):
    """
    E3: while one worker begins with a fresh key, another finds an imported standby and wants to activate it: one of
    the two signs, and nobody fails.
    """
    one, other = worker(), worker()
    key, imported = generate("ES256"), generate("ES256")
    now = one.clock.now()
    with one.database.transaction() as connection:
        kid = publish(connection, imported, "ES256", one.keyring.wrapping, now=now)
    assert kid is not None
    outcomes: list[bool | Exception] = []

    def activate_meanwhile():
        try:
            with other.database.transaction() as connection:
                outcomes.append(activate(connection, kid, other.schedule, now=now))
        except Exception as error:  # noqa: BLE001  what is raised in a thread is lost otherwise
            outcomes.append(error)

    with one.database.transaction() as connection:
        begun = begin(connection, key, "ES256", one.keyring.wrapping, now=now)
        thread = threading.Thread(target=activate_meanwhile)
        thread.start()
        # Long enough for the other to come to wait for this transaction; if it is late, the test is only weaker.
        thread.join(0.3)
    thread.join(30)

    assert outcomes in ([True], [False])
    assert the(one, "active") == (kid if outcomes == [True] else begun)


def test_two_first_starts_with_different_masters_lock_nobody_out(worker):
    """
    CONTRACT 7: whoever's key is first owns the database, also when it comes in the middle of the other's start: the
    other refuses, and leaves nothing that the first cannot open.
    """
    first, foreign = worker(SIGNING_ALGORITHM="ES256"), worker(SIGNING_ALGORITHM="ES256", MASTER_KEY="A" * 43)
    asked = []

    def begin_meanwhile(_connection, _cursor, statement, *_rest):
        if "FROM signing_keys" in statement:
            asked.append(statement)
            if len(asked) == 2:
                make(first, lambda step, *rest: taken(first, step, *rest), begin)

    event.listen(foreign.database._engine, "before_cursor_execute", begin_meanwhile)
    with pytest.raises(ConfigurationError, match="does not open with this master key"):
        tend_signing_keys(foreign)

    tend_signing_keys(first)
    assert first.keyring.signer.kid == the(first, "active")


def taken(tools, step, *arguments):
    """Take a step in a transaction of its own."""
    with tools.database.transaction() as connection:
        return step(connection, *arguments, now=tools.clock.now())
