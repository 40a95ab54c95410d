"""Let a key go by hand: not while it signs, nor while its tokens live, or forced, and then with a reason that stays."""

from datetime import timedelta
from functools import partial

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refusals import InvalidAccessTokenError, NotFoundError, UnsafeKeyStepError
from app.flows.retire_signing_key import retire_signing_key
from app.flows.tend_signing_keys import tend_signing_keys
from tests.adversary.races import at_once
from tests.builders import a_pair, a_tenant
from tests.signing_keys import published_by, record, records, the, verify

# Twice the age of a keyring, the life of a token, a minute of leeway and one of skew.
AFTER = timedelta(seconds=2 * 5 + 3600 + 120)


@pytest.fixture
def tools(worker, clock):
    """A worker whose keys have rotated once."""
    made = worker(SIGNING_ALGORITHM="ES256")
    tend_signing_keys(made)
    return made


def rotate(tools, clock):
    """Let the schedule rotate, and give a token of the key that was retired."""
    clock.step(days=90, seconds=-1)
    token = a_pair(tools, a_tenant(tools)).access_token
    clock.step(seconds=1)
    tend_signing_keys(tools)
    return token


def test_the_key_that_signs_does_not_go(tools):
    """
    CONTRACT 7: there would be none; neither is it forced. Revocation is for emergencies.
    """
    for force in (None, "a reason"):
        with pytest.raises(UnsafeKeyStepError) as refusal:
            retire_signing_key(the(tools, "active"), force, tools)
        assert refusal.value.safe_at is None
        assert "signs" in refusal.value.why
    assert published_by(tools).keys() >= {the(tools, "active")}


def test_a_key_whose_tokens_live_does_not_go_and_the_time_is_said(tools, clock):
    """
    E2, CONTRACT 7: until the last token is over with all margins, to the microsecond; then it goes.
    """
    token = rotate(tools, clock)
    retired, safe_at = the(tools, "retired"), clock.now() + AFTER
    for early in (AFTER, timedelta(microseconds=1)):
        clock.step(seconds=(safe_at - early - clock.now()).total_seconds())
        with pytest.raises(UnsafeKeyStepError) as refusal:
            retire_signing_key(retired, None, tools)
        assert refusal.value.safe_at == safe_at
        verify(token, published_by(tools))

    clock.step(microseconds=1)
    retire_signing_key(retired, None, tools)

    assert published_by(tools).keys() == {the(tools, "active"), the(tools, "standby")}
    assert record(tools, retired).state == "revoked"


def test_forced_it_goes_with_its_tokens_and_the_reason_stays(tools, clock):
    """
    CONTRACT 7: who insists says why; it is recorded, and what the key signed is dead.
    """
    token, retired = rotate(tools, clock), the(tools, "retired")
    assert authenticate_access_token(token, tools).kind == "token"

    retire_signing_key(retired, "a customer asked", tools)

    assert retired not in published_by(tools)
    gone = record(tools, retired)
    assert (gone.state, gone.reason, gone.revoked_at) == ("revoked", "a customer asked", clock.now())
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(token, tools)


def test_a_standby_goes_at_any_time_and_another_comes(tools, clock):
    """
    CONTRACT 7: it never signed; there is always one that waits.
    """
    standby, active = the(tools, "standby"), the(tools, "active")
    clock.step(seconds=1)

    retire_signing_key(standby, None, tools)

    assert the(tools, "active") == active
    assert the(tools, "standby") != standby
    assert record(tools, the(tools, "standby")).published_at == clock.now()
    assert published_by(tools).keys() == {active, the(tools, "standby")}


def test_a_key_that_is_gone_is_not_found(tools):
    """
    Nor one that never was; nothing changes.
    """
    standby = the(tools, "standby")
    retire_signing_key(standby, "one reason", tools)
    before = records(tools)

    for kid in (standby, "never", ""):
        for force in (None, "another reason"):
            with pytest.raises(NotFoundError):
                retire_signing_key(kid, force, tools)
    assert records(tools) == before


def test_sixteen_that_let_it_go_at_once_do_it_once(worker, tools, clock):
    """
    E3: one wins, the others are told that there is no such key; one key signs and one waits.
    """
    rotate(tools, clock)
    many = [worker(SIGNING_ALGORITHM="ES256") for _ in range(16)]
    for each in many:
        tend_signing_keys(each)
    retired = the(tools, "retired")

    def act(each):
        try:
            retire_signing_key(retired, "a reason", each)
        except NotFoundError:
            return "refused"
        return "done"

    got = at_once([partial(act, each) for each in many])

    assert sorted(got) == ["done"] + ["refused"] * 15
    tend_signing_keys(tools)
    assert published_by(tools).keys() == {the(tools, "active"), the(tools, "standby")}
