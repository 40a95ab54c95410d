"""What is long over leaves, a little at a time; nothing that lives is touched."""

import threading

from sqlalchemy import func, insert, select, update

from app.domain.clients.tables import SpentAssertionRow
from app.domain.refresh_tokens import session_name
from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.serving.aside import clean
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.end_session import end_session
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.forget_expired import forget_expired
from app.flows.results import Changes, ClientKeys
from app.flows.steps import Credential
from tests.assertions import a_key, an_assertion, jwks_of
from tests.builders import a_pair, a_tenant
from tests.forgery import claims_of


def count(tools, table=FamilyRow):
    with tools.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def forget_all(tools):
    while forget_expired(tools):
        pass


def two_thousand_that_are_over(worker, clock):
    """A worker on a database that has them."""
    tools = worker()
    tenant = a_tenant(tools)
    a_pair(tools, tenant)
    with tools.database.transaction() as connection:
        row = dict(connection.execute(select(FamilyRow.__table__)).one()._mapping)
        many = [row | {"id": type(row["id"])(int=row["id"].int + number)} for number in range(1, 2000)]
        connection.execute(insert(FamilyRow), many)
        connection.execute(update(FamilyRow).values(revoked_at=clock.now()))
    clock.step(days=8)
    return tools


def test_sessions_leave_a_while_after_they_are_over(worker, clock):
    """
    Revoked ones a week after their end, others a week after their absolute end; a living one stays and works.
    """
    tools = worker()
    tenant = a_tenant(tools)
    caller = authenticate_api_key(tenant.api_key, tools)
    ended, short = a_pair(tools, tenant), exchange_api_key(Exchange(Credential(secret=tenant.api_key)), tools)
    living = a_pair(tools, tenant)
    end_session(caller, claims_of(ended.access_token)["sid"], tools)
    assert short.refresh_token is None

    left = []
    for days, seconds in ((6, 0), (1, -1), (0, 2), (0, 3600)):
        clock.step(days=days, seconds=seconds)
        forget_all(tools)
        left.append(count(tools))

    assert left == [3, 3, 2, 1]
    with tools.database.reading() as connection:
        (row,) = connection.execute(select(FamilyRow)).all()
    assert session_name(row.id) == claims_of(living.access_token)["sid"]
    clock.step(days=90 + 7)
    forget_all(tools)
    assert count(tools) == 0


def test_a_batch_is_small_and_many_may_do_it_at_once(worker, clock):
    """
    Each call deletes some hundreds at the most; eight workers at once delete each row once and wait for nobody.
    """
    tools = two_thousand_that_are_over(worker, clock)

    first = forget_expired(tools)
    totals = []

    def clean():
        total = 0
        while some := forget_expired(tools):
            total += some
        totals.append(total)

    cleaners = [threading.Thread(target=clean) for _ in range(8)]
    for each in cleaners:
        each.start()
    for each in cleaners:
        each.join()
    forget_all(tools)

    assert 0 < first <= 1000
    assert first + sum(totals) == 2000
    assert count(tools) == 0


def test_a_worker_keeps_up_with_a_busy_minute(worker, clock):
    """
    In passing, once a minute, a worker forgets all that is over, however many batches that takes.
    """
    tools = two_thousand_that_are_over(worker, clock)

    clean(tools)

    assert count(tools) == 0


def test_assertions_leave_once_nobody_could_use_them(worker, clock):
    """
    I: an assertion's `jti` is remembered for as long as it could be accepted anywhere, and no longer.
    """
    tools = worker()
    tenant, key = a_tenant(tools), a_key()
    changes = Changes(client_keys=ClientKeys(jwks=jwks_of(key), jwks_uri=None))
    change_tenant(authenticate_api_key(tenant.api_key, tools), tenant.id, changes, tools)
    exchange_api_key(Exchange(Credential(assertion=an_assertion(key, tenant.id, clock.now()))), tools)

    forget_all(tools)
    assert count(tools, SpentAssertionRow) == 1

    clock.step(minutes=7)
    forget_all(tools)
    assert count(tools, SpentAssertionRow) == 0
