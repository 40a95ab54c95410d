"""Rotate by hand: not before verifiers know the key, or forced, and then with a reason that stays."""

import logging
from datetime import timedelta
from functools import partial

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.activate_signing_key import activate_signing_key
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refusals import NotFoundError, UnsafeKeyStepError
from app.flows.tend_signing_keys import tend_signing_keys
from tests import processes
from tests.adversary.races import at_once
from tests.builders import a_pair, a_tenant
from tests.conftest import environment
from tests.forgery import header_of
from tests.signing_keys import kids, published_by, record, records, the, verify

AHEAD = timedelta(seconds=660)


@pytest.fixture
def tools(worker):
    """A worker whose keys were just made."""
    made = worker(SIGNING_ALGORITHM="ES256")
    tend_signing_keys(made)
    return made


def activating_process(url, barrier, answers, kid, force):
    made = [wiring_of(create_app(environment(url, SIGNING_ALGORITHM="ES256"), warm=False)).tools for _ in range(4)]
    for each in made:
        tend_signing_keys(each)
    barrier.wait()
    answers.put(at_once([partial(outcome, kid, force, each) for each in made]))
    for each in made:
        each.database.close()


def ready(worker, count):
    """Start workers that have read the keys."""
    made = [worker(SIGNING_ALGORITHM="ES256") for _ in range(count)]
    for each in made:
        tend_signing_keys(each)
    return made


def outcome(kid, force, tools):
    """Activate, and tell who won: the kid, or the name of the refusal."""
    try:
        return activate_signing_key(kid, force, tools)
    except (NotFoundError, UnsafeKeyStepError) as refusal:
        return type(refusal).__name__


def test_a_standby_that_verifiers_may_not_know_is_refused_with_the_time(tools, clock):
    """
    E2, CONTRACT 7: until twice the max-age and a minute after publication, to the microsecond; nothing changes.
    """
    safe_at = clock.now() + AHEAD
    before = records(tools)
    for kid in (None, the(tools, "standby")):
        with pytest.raises(UnsafeKeyStepError) as refusal:
            activate_signing_key(kid, None, tools)
        assert refusal.value.safe_at == safe_at
    clock.step(seconds=660, microseconds=-1)
    with pytest.raises(UnsafeKeyStepError):
        activate_signing_key(None, None, tools)
    assert records(tools) == before

    clock.step(microseconds=1)

    standby = the(tools, "standby")
    assert activate_signing_key(None, None, tools) == the(tools, "active") == standby
    assert record(tools, standby).reason is None


def test_tokens_of_both_keys_verify_after_a_rotation_by_hand(tools, clock):
    """
    E2: from what a verifier had cached before, and from what it fetches after; the next standby is published.
    """
    tenant = a_tenant(tools)
    clock.step(minutes=11)
    cached, before = published_by(tools), a_pair(tools, tenant).access_token

    kid = activate_signing_key(None, None, tools)

    after = a_pair(tools, tenant).access_token
    assert header_of(after)["kid"] == kid != header_of(before)["kid"]
    assert published_by(tools).keys() == {header_of(before)["kid"], kid, the(tools, "standby")}
    for token in (before, after):
        verify(token, cached)
        verify(token, published_by(tools))
        assert authenticate_access_token(token, tools).kind == "token"


def test_a_forced_step_is_recorded(tools, clock, caplog):
    """
    CONTRACT 7: with its reason, in the key's row and as an event that says from when on it would have been safe.
    """
    caplog.set_level(logging.INFO, "chalk.events")

    kid = activate_signing_key(None, "the old key leaked", tools)

    assert (the(tools, "active"), record(tools, kid).reason) == (kid, "the old key leaked")
    (told,) = [each for each in caplog.records if each.getMessage() == "signing_key.activated"]
    assert told.fields["reason"] == "the old key leaked"
    assert told.fields["safe_from"] == (clock.now() + AHEAD).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_reason_outlives_the_key(tools, clock):
    """
    CONTRACT 7: what was forced stays recorded when the schedule retires the key, and when it drops it.
    """
    kid = activate_signing_key(None, "the old key leaked", tools)

    seen = set()
    for days in (90, 1):
        clock.step(days=days)
        tend_signing_keys(tools)
        seen.add((record(tools, kid).state, record(tools, kid).reason))

    assert seen == {("retired", "the old key leaked"), ("revoked", "the old key leaked")}


def test_only_a_standby_can_be_activated(tools, clock):
    """
    CONTRACT 7: neither the key that signs, nor one that did, nor a stranger; forced or not.
    """
    clock.step(minutes=11)
    active, standby = the(tools, "active"), the(tools, "standby")
    activate_signing_key(standby, None, tools)
    before = records(tools)

    for kid in (active, standby, "never", ""):
        for force in (None, "a reason"):
            with pytest.raises(NotFoundError):
                activate_signing_key(kid, force, tools)

    assert records(tools) == before


@pytest.mark.parametrize(("named", "force"), [(True, None), (False, None), (True, "a reason")])
def test_sixteen_that_rotate_at_once_rotate_once(worker, tools, clock, named, force):
    """
    E3: one wins, the others are refused and nothing else; tending workers in between change nothing of it.
    """
    clock.step(minutes=11)
    active, standby = the(tools, "active"), the(tools, "standby")

    def act(number, each):
        if number % 4 == 3:
            return tend_signing_keys(each)
        return outcome(standby if named else None, force, each)

    many = ready(worker, 16)
    got = at_once([partial(act, number, each) for number, each in enumerate(many)])

    assert got.count(standby) == 1
    assert set(got) <= {standby, None, "NotFoundError", "UnsafeKeyStepError"}
    assert (the(tools, "active"), kids(tools, "retired")) == (standby, [active])


def test_sixteen_that_force_whatever_waits_leave_no_mess(worker, tools):
    """
    E3: each that is not refused activates a key of its own; one signs and one waits, the others verify.
    """
    many = ready(worker, 16)
    got = at_once([partial(outcome, None, "a reason", each) for each in many])

    winners = [kid for kid in got if not kid.endswith("Error")]
    assert len(set(winners)) == len(winners) >= 1
    assert the(tools, "active") in winners
    assert len(kids(tools, "retired")) == len(winners)
    assert the(tools, "standby") not in winners


def test_processes_that_rotate_at_once_rotate_once(own_database, tools):
    """
    E3: so do the hosts of an installation, four workers on each.
    """
    active, standby = the(tools, "active"), the(tools, "standby")
    context = processes.context()
    barrier, answers = context.Barrier(4), context.Queue()
    arguments = (own_database, barrier, answers, standby, "a reason")
    started = [context.Process(target=activating_process, args=arguments) for _ in range(4)]
    for process in started:
        process.start()

    got = sorted(kid for _ in started for kid in answers.get(timeout=90))
    for process in started:
        process.join(60)

    assert got == sorted([standby] + ["NotFoundError"] * 15)
    assert (the(tools, "active"), kids(tools, "retired")) == (standby, [active])
