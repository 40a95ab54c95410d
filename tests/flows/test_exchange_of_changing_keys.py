"""Exchanging an API key that changes meanwhile: between the two statements, or while somebody waits to end it."""

import contextlib
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event, make_url, text

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_api_key import change_api_key
from app.flows.change_tenant import change_tenant
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refusals import InvalidApiKeyError, TenantSuspendedError
from app.flows.results import Changes, KeyChanges
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from app.foundation.database import lean_on
from tests.adversary.races import PATIENCE_SECONDS
from tests.builders import a_tenant, an_operator
from tests.conftest import environment, migrate
from tests.named_keys import a_named_key, name_of

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def exchange(key, tools):
    return exchange_api_key(Exchange(Credential(secret=key.api_key), offline=True), tools)


def wait_for(connection, waiting):
    """Wait until so many stand in line for a lock."""
    gives_up_at = time.monotonic() + PATIENCE_SECONDS
    while connection.execute(text(WAITING)).scalar_one() < waiting:
        assert time.monotonic() < gives_up_at


@contextlib.contextmanager
def just_before_the_session_starts(act):
    """Do something when an exchange has read its key, and is about to insert its session: once."""
    done: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        if statement.startswith("INSERT INTO families") and not done:
            done.append(statement)
            act()

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(done) == 1


ENDINGS: dict[str, tuple[Callable[..., object], type[Exception]]] = {
    "replaced": (
        lambda caller, tenant_id, tools: rotate_api_key(caller, tenant_id, 0, "routine", tools),
        InvalidApiKeyError,
    ),
    "suspended": (
        lambda _caller, tenant_id, tools: change_tenant(
            authenticate_api_key(an_operator(tools), tools), tenant_id, Changes(suspended=True), tools
        ),
        TenantSuspendedError,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_key_that_ends_between_the_two_statements_opens_nothing(tenant, tools, ending):
    """
    B10: an exchange that has read the key before its end, and starts the session after it, is refused.
    """
    end, refusal = ENDINGS[ending]
    caller = authenticate_api_key(tenant.api_key, tools)

    with (
        just_before_the_session_starts(lambda: end(caller, tenant.id, tools)),
        pytest.raises(refusal),
    ):
        exchange(tenant, tools)


def test_a_key_that_loses_a_scope_between_the_two_statements_gives_the_rest(tenant, tools):
    """
    C13: what the session may do is what its key may do when it starts, also where the key is weaker since it was read.
    """
    caller = authenticate_api_key(tenant.api_key, tools)
    key = a_named_key(tools, tenant, "rooms:read rooms:write")
    changes = KeyChanges(scopes="rooms:read")

    with just_before_the_session_starts(lambda: change_api_key(caller, tenant.id, name_of(key), changes, tools)):
        pair = exchange(key, tools)

    assert pair.scope == "rooms:read"


def test_an_exchange_stands_in_line_behind_who_waits_to_end_its_key(tenant, tools, backend):
    """
    B10: while somebody waits to end a key, nobody slips in before them; SQLite's writers stand in line anyway.
    """
    if backend == "sqlite":
        assert exchange(tenant, tools).refresh_token
        return
    caller, told = authenticate_api_key(tenant.api_key, tools), []

    def be_told():
        with pytest.raises(InvalidApiKeyError) as refused:
            exchange(tenant, tools)
        told.append(refused.type)

    enders = threading.Thread(target=rotate_api_key, args=(caller, tenant.id, 0, "routine", tools))
    exchanger = threading.Thread(target=be_told)
    with tools.database.transaction() as connection:
        lean_on(connection, f"api_keys/{tenant.api_key.split('_')[2]}")
        for number, thread in enumerate((enders, exchanger), start=1):
            thread.start()
            wait_for(connection, number)
    for thread in (enders, exchanger):
        thread.join(PATIENCE_SECONDS)

    assert told == [InvalidApiKeyError]


# Found before PostgreSQL's own of that name: it waits for the test when a statement has begun, then does the same.
HELD_UP = """
    CREATE FUNCTION public.pg_try_advisory_xact_lock_shared(name bigint) RETURNS boolean LANGUAGE plpgsql AS '
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(4711);
        RETURN pg_catalog.pg_try_advisory_xact_lock_shared(name);
    END'
"""


@pytest.fixture
def held_up(new_database):
    """Tools on a PostgreSQL where a session's statement, when it has begun, waits for a lock that the test can take."""
    url = new_database("postgresql")
    migrate(url)
    found = wiring_of(create_app(environment(url, DATABASE_POOL_SIZE="4"))).tools
    with found.database.transaction() as connection:
        connection.execute(text(HELD_UP))
        connection.execute(text(f'ALTER DATABASE "{make_url(url).database}" SET search_path = public, pg_catalog'))
    found.database.close()
    yield found
    found.database.close()


def test_a_key_that_ends_while_the_session_starts_opens_nothing(held_up):
    """
    B10, C13: a statement sees what was committed before it began; of its key it sees what was committed since.
    """
    tenant, told = a_tenant(held_up), []
    caller = authenticate_api_key(tenant.api_key, held_up)

    def be_told():
        with pytest.raises(InvalidApiKeyError) as refused:
            exchange(tenant, held_up)
        told.append(refused.type)

    exchanger = threading.Thread(target=be_told)
    with held_up.database.transaction() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(4711)"))
        exchanger.start()
        wait_for(connection, 1)
        rotate_api_key(caller, tenant.id, 0, "routine", held_up)
    exchanger.join(PATIENCE_SECONDS)

    assert told == [InvalidApiKeyError]
