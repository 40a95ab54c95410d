"""A key that leaked: it ends, or gets a day to be replaced in, or its tenant is told; whatever its tenant chose."""

import threading
from datetime import timedelta

import pytest

from app.domain import idempotency
from app.domain.idempotency import Asked, Reply
from app.flows.change_tenant import change_tenant
from app.flows.follow_events import follow_events
from app.flows.look_up import look_up_tenant
from app.flows.refusals import ForbiddenError, InsufficientScopeError, InvalidApiKeyError, KeyNotActiveError
from app.flows.report_leak import report_leak
from app.flows.results import Caller, Changes, Sender
from app.foundation.clock import rfc3339
from tests.builders import Tenant, a_participant, a_room, an_operator
from tests.named_keys import (
    a_named_key,
    caller,
    details,
    ends_at,
    lives,
    name_of,
    opened,
    refreshes,
    rotated,
    status,
    works,
)

AN_OPERATOR = Caller(kind="operator", tenant_id=None, key_id=None, scope="")
FINDER = Sender("203.0.113.9", request_id="found-it")
DAY = timedelta(hours=24)


def policy(tools, tenant, on_leak):
    """Let the tenant choose what becomes of its keys that leak."""
    return change_tenant(caller(tenant, tools), tenant.id, Changes(on_leak=on_leak), tools)


def leaks(tools, tenant):
    """Give what the tenant is told of keys that leaked, the earliest first."""
    events = next(follow_events(AN_OPERATOR, tenant.id, 1000, tools))
    return [(each.actor, each.address, each.data) for each in events if each.type == "api_key.leaked"]


def told(key, on_leak, until=None):
    """Give what is told of one."""
    known = {} if until is None else {"works_until": rfc3339(until)}
    return None, FINDER.address, {"key_id": name_of(key), "policy": on_leak, **known}


@pytest.fixture
def key(tools, tenant):
    """A named key of the tenant's, which leaks."""
    return a_named_key(tools, tenant)


def test_a_key_that_leaked_ends_with_all_that_it_opened(tools, tenant, key, clock):
    """
    B10, I10: unless the tenant chose otherwise, and also while the tenant is suspended; reported again, nothing more
    happens, and the tenant is told once.
    """
    room_id = a_room(tools, tenant)
    own = [opened(tools, key), a_participant(tools, key, room_id).pair]
    others = [opened(tools, tenant), a_participant(tools, tenant, room_id).pair]
    second = a_named_key(tools, tenant)

    for _ in range(3):
        report_leak(key.api_key, tools, sender=FINDER)

    assert not works(tools, key)
    assert [lives(tools, each) or refreshes(tools, each) for each in own] == [False, False]
    assert [lives(tools, each) and refreshes(tools, each) for each in others] == [True, True]
    assert status(tools, tenant, key) == "revoked"
    assert leaks(tools, tenant) == [told(key, "revoke", clock.now())]

    change_tenant(AN_OPERATOR, tenant.id, Changes(suspended=True), tools)
    report_leak(second.api_key, tools, sender=FINDER)
    change_tenant(AN_OPERATOR, tenant.id, Changes(suspended=False), tools)
    assert not works(tools, second)


def test_a_key_that_leaked_has_a_day_in_which_another_key_replaces_it(tools, tenant, key, clock):
    """
    B5, B6: by `rotate` it works for a day, and no longer; a second report changes nothing; its successor has its
    rights and its end, and there is one.
    """
    policy(tools, tenant, "rotate")
    until = clock.now() + DAY
    before = opened(tools, key)
    report_leak(key.api_key, tools, sender=FINDER)
    clock.step(hours=1)
    report_leak(key.api_key, tools, sender=FINDER)

    assert works(tools, key)
    assert (status(tools, tenant, key), details(tools, tenant, key).grace_ends_at) == ("rotating", until)
    assert details(tools, tenant, key).replaced_by is None
    assert leaks(tools, tenant) == [told(key, "rotate", until)]
    within = opened(tools, key)

    successor = rotated(tools, tenant, key, grace_seconds=2_592_000)
    assert details(tools, tenant, key).grace_ends_at == until
    with pytest.raises(KeyNotActiveError):
        rotated(tools, tenant, key)
    assert ends_at(tools, tenant, successor) is None
    clock.step(hours=23, microseconds=-1)
    assert works(tools, key)
    clock.step(microseconds=1)
    assert (works(tools, key), works(tools, successor)) == (False, True)
    assert [refreshes(tools, each) for each in (before, within)] == [False, False]


def test_a_grace_after_a_leak_gives_no_time(tools, tenant, clock):
    """
    B5: never beyond the key's own end, nor beyond a grace that has begun; one that began is cut to a day.
    """
    policy(tools, tenant, "rotate")
    hour, week = clock.now() + timedelta(hours=1), 7 * 86_400
    soon = a_named_key(tools, tenant, expires_at=hour)
    short, long = a_named_key(tools, tenant), a_named_key(tools, tenant)
    rotated(tools, tenant, short, grace_seconds=60)
    rotated(tools, tenant, long, grace_seconds=week)

    for each in (soon, short, long):
        report_leak(each.api_key, tools, sender=FINDER)

    graces = [details(tools, tenant, each).grace_ends_at - clock.now() for each in (soon, short, long)]
    assert graces == [timedelta(hours=1), timedelta(seconds=60), DAY]
    assert len(leaks(tools, tenant)) == 3


def test_who_holds_a_key_that_leaked_gains_nothing_by_it(tools, tenant, key, clock):
    """
    B6: it gets no successor by itself, as routine or compromised; the keys that it makes end with it, and have none
    of its successor either; an operator replaces it.
    """
    policy(tools, tenant, "rotate")
    report_leak(key.api_key, tools, sender=FINDER)
    made = a_named_key(tools, key)

    assert ends_at(tools, tenant, made) == clock.now() + DAY
    with pytest.raises(KeyNotActiveError):
        rotated(tools, key, key, grace_seconds=600)
    for by_whom, other in ((made, key), (key, tenant)):
        with pytest.raises(ForbiddenError):
            rotated(tools, by_whom, other)
    assert works(tools, key)
    assert works(tools, rotated(tools, Tenant(tenant.id, an_operator(tools)), key, grace_seconds=60))
    assert works(tools, key)


def test_a_thief_who_ends_the_key_leaves_it_without_a_successor(tools, tenant, key):
    """
    I10: told that it is compromised, by itself, it is dead, and the one who said so gets nothing.
    """
    policy(tools, tenant, "rotate")
    pair = opened(tools, key)
    report_leak(key.api_key, tools, sender=FINDER)

    with pytest.raises(KeyNotActiveError):
        rotated(tools, key, key, reason="compromised")

    assert (works(tools, key), refreshes(tools, pair)) == (False, False)
    assert details(tools, tenant, key).replaced_by is None


def test_a_tenant_may_only_want_to_know(tools, tenant, key, clock):
    """
    CONTRACT 3: by `notify` the key works on, and its tenant is told once a day; another policy holds from the next
    report.
    """
    policy(tools, tenant, "notify")
    for hours in (0, 23, 1):
        clock.step(hours=hours)
        report_leak(key.api_key, tools, sender=FINDER)
    assert works(tools, key)
    assert leaks(tools, tenant) == [told(key, "notify")] * 2

    policy(tools, tenant, "revoke")
    report_leak(key.api_key, tools, sender=FINDER)
    assert not works(tools, key)
    assert leaks(tools, tenant)[2:] == [told(key, "revoke", clock.now())]


@pytest.mark.parametrize(("on_leak", "kept"), [("revoke", False), ("rotate", False), ("notify", True)])
def test_a_key_that_leaked_fetches_its_successor_no_more(tools, tenant, key, on_leak, kept):
    """
    CONTRACT 3: what the rotation of a key answered is not for its thief, unless nothing shall happen.
    """
    policy(tools, tenant, on_leak)
    rotated(tools, tenant, key, grace_seconds=60)
    asked, retired, now = (
        Asked("x" * 16, name_of(key), "/rotate", b""),
        name_of(key).removeprefix("key_"),
        tools.clock.now(),
    )
    with tools.database.transaction() as connection:
        reply = Reply(201, b"{}")
        idempotency.remember(connection, asked, reply, b"secret" * 6, now=now, retired_key_id=retired)

    report_leak(key.api_key, tools, sender=FINDER)

    with tools.database.transaction() as connection:
        found = idempotency.find_for_retired(connection, asked, retired, [b"secret" * 6], now=now)
    assert (found is not None) == kept


@pytest.mark.parametrize("on_leak", ["revoke", "rotate", "notify"])
def test_many_who_report_one_key_at_once_are_one(tools, tenant, key, on_leak):
    """
    B6, I3: the tenant is told once, and nobody fails.
    """
    policy(tools, tenant, on_leak)
    failures = []

    def report():
        try:
            report_leak(key.api_key, tools, sender=FINDER)
        except Exception as error:  # noqa: BLE001  a thread would swallow it
            failures.append(error)

    finders = [threading.Thread(target=report) for _ in range(6)]
    for each in finders:
        each.start()
    for each in finders:
        each.join()

    assert failures == []
    assert len(leaks(tools, tenant)) == 1


def test_an_operators_key_ends_whatever_tenants_chose(tools):
    """
    I10: it has no tenant whose policy could be asked.
    """
    operator = an_operator(tools)

    report_leak(operator, tools, sender=FINDER)

    assert not works(tools, Tenant("", operator))


def test_only_who_may_write_keys_says_what_becomes_of_them(tools, tenant, key):
    """
    B8: not `tenant:write` alone; nor a key that was reported while its request waited.
    """
    writer = a_named_key(tools, tenant, "tenant:write tenant:read")
    with pytest.raises(InsufficientScopeError):
        policy(tools, writer, "notify")
    thief = caller(key, tools)
    report_leak(key.api_key, tools, sender=FINDER)

    with pytest.raises(InvalidApiKeyError):
        change_tenant(thief, tenant.id, Changes(on_leak="notify"), tools)

    assert look_up_tenant(caller(tenant, tools), tenant.id, tools).on_leak == "revoke"
