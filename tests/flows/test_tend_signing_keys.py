"""Signing keys look after themselves: on time, once, whoever comes first; and no worker goes on with what is old."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, event

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refusals import InvalidAccessTokenError
from app.flows.revoke_signing_key import revoke_signing_key
from app.flows.tend_signing_keys import tend_signing_keys
from tests.adversary.races import at_once
from tests.builders import a_pair, a_tenant
from tests.clock import StillClock
from tests.forgery import header_of, signing_input
from tests.signing_keys import kids, published_by, record, records, the, verify

AFTER = timedelta(seconds=2 * 5 + 3600 + 120)


def workers_of(worker, count, **settings):
    made = [worker(**{"SIGNING_ALGORITHM": "ES256", **settings}) for _ in range(count)]
    for each in made:
        tend_signing_keys(each)
    return made


def reads_of_keys(act):
    """Count how often the keys are read from the database while something is done."""
    reads = []

    def note(_connection, _cursor, statement, *_rest):
        if statement.startswith("SELECT") and "private_jwe" in statement and "WHERE" in statement:
            reads.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return len(reads)


def test_a_first_start_makes_the_key_that_signs_and_the_one_after_it(worker):
    """
    CONTRACT 7: nothing needs to be set up; tended again, nothing changes.
    """
    tools = worker(SIGNING_ALGORITHM="ES256")
    for _ in range(3):
        tend_signing_keys(tools)
        assert published_by(tools).keys() == {the(tools, "active"), the(tools, "standby")}
    assert len(records(tools)) == 2


def test_keys_rotate_and_go_when_they_are_due(worker, clock):
    """
    CONTRACT 7, E2: after 90 days the standby signs; what it replaced verifies to the end of its last token, and goes
    with its private half.
    """
    (tools,) = workers_of(worker, 1)
    tenant, first, second = a_tenant(tools), the(tools, "active"), the(tools, "standby")

    clock.step(days=90, seconds=-1)
    tend_signing_keys(tools)
    assert the(tools, "active") == first
    old = a_pair(tools, tenant).access_token
    clock.step(seconds=1)
    tend_signing_keys(tools)
    assert (the(tools, "active"), the(tools, "retired")) == (second, first)
    assert header_of(a_pair(tools, tenant).access_token)["kid"] == second
    assert record(tools, first).verify_until == clock.now() + AFTER

    clock.step(seconds=3598)
    verify(old, published_by(tools))
    assert authenticate_access_token(old, tools).kind == "token"
    clock.step(seconds=132 - 1)
    tend_signing_keys(tools)
    assert the(tools, "retired") == first
    clock.step(seconds=1)
    tend_signing_keys(tools)
    assert published_by(tools).keys() == {second, the(tools, "standby")}
    assert record(tools, first).state == "revoked"


@pytest.mark.parametrize("due", ["first start", "rotation", "drop"])
def test_sixteen_workers_take_a_due_step_once(worker, due):
    """
    E3: whatever is due, and however many find it so at once, it is done once, without an error, and all agree.
    """
    clock = StillClock()
    many = [worker(clock, SIGNING_ALGORITHM="ES256") for _ in range(16)]
    if due != "first start":
        tend_signing_keys(many[0])
        clock.step(days=90)
    if due == "drop":
        tend_signing_keys(many[0])
        clock.step(days=1)

    at_once([partial(tend_signing_keys, tools) for tools in many])

    expected = {"first start": (0, 0), "rotation": (1, 0), "drop": (0, 1)}[due]
    active, standby = the(many[0], "active"), the(many[0], "standby")
    assert (len(kids(many[0], "retired")), len(kids(many[0], "revoked"))) == expected
    assert {tools.keyring.signer.kid for tools in many} == {active}
    assert len({tools.keyring.jwks for tools in many}) == 1
    assert published_by(many[0]).keys() >= {active, standby}


@pytest.mark.parametrize("idle", [timedelta(seconds=12), timedelta(minutes=70), timedelta(days=40)])
def test_a_worker_that_was_idle_signs_with_the_key_of_the_day(worker, clock, idle):
    """
    E2, CONTRACT 7: a worker goes on with what it last read for a few seconds, and no longer: nobody had asked it for
    anything, or its database was away, while others rotated; its very next token is good everywhere, to its end.
    """
    busy, idler = workers_of(worker, 2)
    tenant = a_tenant(busy)
    clock.step(days=90)
    tend_signing_keys(busy)
    clock.step(seconds=idle.total_seconds())
    tend_signing_keys(busy)

    token = a_pair(idler, tenant).access_token

    clock.step(seconds=3599)
    tend_signing_keys(busy)
    verify(token, published_by(busy))
    assert authenticate_access_token(token, busy).kind == "token"


def test_a_worker_that_was_idle_publishes_the_keys_of_the_day(worker, clock):
    """
    E2: nor does it hand out a JWKS of before, which a verifier would keep for max-age beyond a rotation.
    """
    busy, idler = workers_of(worker, 2)
    revoke_signing_key(the(busy, "active"), "an emergency", busy)
    clock.step(seconds=659)

    cached = published_by(idler)

    clock.step(days=90)
    tend_signing_keys(busy)
    verify(a_pair(busy, a_tenant(busy)).access_token, cached)


def test_a_token_of_an_unknown_key_makes_the_keys_be_read(worker, clock):
    """
    E6: after an emergency another worker signs with a key that this one has not seen; its tokens are good here at once.
    """
    one, other = workers_of(worker, 2)
    tenant = a_tenant(one)
    clock.step(seconds=2)
    for _ in range(2):
        revoke_signing_key(the(one, "standby"), "an emergency", one)
        revoke_signing_key(the(one, "active"), "an emergency", one)
    token = a_pair(one, tenant).access_token
    assert other.keyring.public_key(header_of(token)["kid"]) is None

    assert authenticate_access_token(token, other).kind == "token"


def test_strangers_cannot_make_a_worker_read_its_keys_all_the_time(worker, clock):
    """
    E6: tokens of made-up keys make it read them at most once a second, one after the other or all at once.
    """
    (tools,) = workers_of(worker, 1)
    headers = [{"alg": "ES256", "typ": "at+jwt", "kid": f"made up {number}"} for number in range(8)]
    strangers = [f"{signing_input(header, {})}.AAAA" for header in headers]

    def present(token):
        with pytest.raises(InvalidAccessTokenError):
            authenticate_access_token(token, tools)

    clock.step(seconds=2)
    assert reads_of_keys(lambda: [present(token) for token in strangers * 4]) == 1
    clock.step(seconds=0.9)
    assert reads_of_keys(lambda: [present(token) for token in strangers]) == 0
    clock.step(seconds=2)
    assert reads_of_keys(lambda: at_once([partial(present, token) for token in strangers])) == 1


def test_a_clock_that_is_put_back_stops_nothing(worker, clock):
    """
    CONTRACT 7: whoever's clock jumps, keys go on signing, none is undone, and the schedule resumes.
    """
    (tools,) = workers_of(worker, 1)
    tenant = a_tenant(tools)
    clock.step(days=90)
    tend_signing_keys(tools)
    before = records(tools)

    clock.step(days=-95)
    tend_signing_keys(tools)

    assert records(tools) == before
    verify(a_pair(tools, tenant).access_token, published_by(tools))
    clock.step(days=95 + 90)
    tend_signing_keys(tools)
    assert the(tools, "active") == before[-1].kid
