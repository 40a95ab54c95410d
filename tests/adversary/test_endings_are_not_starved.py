"""However many exchanges lean on an authority at once, whoever ends it gets through."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.close_tenant import close_tenant
from app.flows.end_room import end_room
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.note_uses import note_uses
from app.flows.refusals import InvalidApiKeyError, RoomEndedError, TenantSuspendedError
from app.flows.results import Changes, ClientKeys
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from tests.adversary.races import PATIENCE_SECONDS
from tests.assertions import a_key, jwks_of
from tests.builders import a_room, a_tenant, an_operator
from tests.conftest import environment, migrate

EXCHANGERS = 12
# How long each of their commits takes, as on a slow disk or network: there is never a moment without one under way.
COMMIT_SECONDS = 0.15
# Who ends an authority while share locks overlap waits for ever, and is refused after the ten seconds of a statement.
LONGEST_SECONDS = 3


SLOW_COMMITS = (
    (
        "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql "
        f"AS 'BEGIN PERFORM pg_sleep({COMMIT_SECONDS}); RETURN NULL; END'"
    ),
    (
        "CREATE CONSTRAINT TRIGGER slow_commits AFTER INSERT ON families "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION take_time()"
    ),
)


def compromise(tenant, _room_id, _operator, tools):
    rotate_api_key(authenticate_api_key(tenant.api_key, tools), tenant.id, 0, "compromised", tools)


def suspend(tenant, _room_id, operator, tools):
    change_tenant(operator, tenant.id, Changes(suspended=True), tools)


def close(tenant, _room_id, operator, tools):
    close_tenant(operator, tenant.id, tools)


def end(tenant, room_id, _operator, tools):
    end_room(authenticate_api_key(tenant.api_key, tools), room_id, tools)


ENDINGS: dict[str, tuple[Callable[..., None], type[Exception]]] = {
    "a compromised rotation": (compromise, InvalidApiKeyError),
    "a suspension": (suspend, TenantSuspendedError),
    "a closing": (close, InvalidApiKeyError),
    "the end of a room": (end, RoomEndedError),
}


@pytest.fixture(scope="module")
def tools(new_database):
    """Tools on PostgreSQL, where writers do not stand in line, with a connection for everyone."""
    url = new_database("postgresql")
    migrate(url)
    found = wiring_of(create_app(environment(url, DATABASE_POOL_SIZE=str(EXCHANGERS + 4)))).tools
    with found.database.transaction() as connection:
        # What happens at a commit takes its time, whether the statement is alone or in a transaction.
        for statement in SLOW_COMMITS:
            connection.execute(text(statement))
    yield found
    found.database.close()


def exchange_until_refused(tenant, room_id, tools, under_way):
    """Open session after session; give the refusal that ended it, or None when none came."""
    wanted = Exchange(Credential(secret=tenant.api_key), room_id=room_id, offline=True)
    gives_up_at = time.monotonic() + 4 * LONGEST_SECONDS
    for opened in itertools.count():
        if opened == 3:
            under_way.wait(PATIENCE_SECONDS)
        try:
            exchange_api_key(wanted, tools)
        except (InvalidApiKeyError, TenantSuspendedError, RoomEndedError) as refusal:
            return type(refusal)
        if time.monotonic() > gives_up_at:
            break
    return None


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_gets_through_a_flood_of_exchanges(tools, ending):
    """
    B10, C13: a thief who exchanges a key without a pause cannot keep its owner from ending it, for as long as a moment.
    """
    act, refusal = ENDINGS[ending]
    tenant, operator = a_tenant(tools), authenticate_api_key(an_operator(tools), tools)
    room_id = a_room(tools, tenant)
    under_way = threading.Barrier(EXCHANGERS + 1)

    with ThreadPoolExecutor(EXCHANGERS, thread_name_prefix="exchanger") as pool:
        # In the room only for its end: all others meet exchanges of two statements, without a transaction.
        given = (tenant, room_id if act is end else None, tools, under_way)
        exchangers = [pool.submit(exchange_until_refused, *given) for _ in range(EXCHANGERS)]
        under_way.wait(PATIENCE_SECONDS)
        began = time.monotonic()
        act(tenant, room_id, operator, tools)
        seconds = time.monotonic() - began
        told = [exchanger.result() for exchanger in exchangers]

    assert seconds < LONGEST_SECONDS
    assert told == [refusal] * EXCHANGERS


def exchange_until(over, tenant, tools, under_way):
    """Open session after session until it is over; from the third on, all of them are under way."""
    wanted = Exchange(Credential(secret=tenant.api_key), offline=True)
    for opened in itertools.count():
        if opened == 3:
            under_way.wait(PATIENCE_SECONDS)
        if over.is_set():
            return
        exchange_api_key(wanted, tools)


def register_keys(tenant, operator, tools):
    change_tenant(operator, tenant.id, Changes(client_keys=ClientKeys(jwks=jwks_of(a_key()))), tools)


WRITES: dict[str, Callable[..., None]] = {
    "when it was used": lambda _tenant, _operator, tools: note_uses(tools),
    "that its client registered keys": register_keys,
}


@pytest.mark.parametrize("what", WRITES)
def test_what_is_written_about_a_key_gets_through_a_flood_of_exchanges(tools, what):
    """
    CONTRACT 2: that a key was used, and what else its row is told, is written within a moment however often it is
    exchanged meanwhile; and none of the exchanges fails for it.
    """
    tenant, operator = a_tenant(tools), authenticate_api_key(an_operator(tools), tools)
    under_way, over = threading.Barrier(EXCHANGERS + 1), threading.Event()

    with ThreadPoolExecutor(EXCHANGERS, thread_name_prefix="exchanger") as pool:
        given = (over, tenant, tools, under_way)
        exchangers = [pool.submit(exchange_until, *given) for _ in range(EXCHANGERS)]
        under_way.wait(PATIENCE_SECONDS)
        began = time.monotonic()
        try:
            WRITES[what](tenant, operator, tools)
        finally:
            over.set()
        seconds = time.monotonic() - began
        for exchanger in exchangers:
            exchanger.result()

    assert seconds < LONGEST_SECONDS
