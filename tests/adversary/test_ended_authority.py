"""Whatever ends an authority leaves no living session behind, also when exchanges and refreshes race it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from sqlalchemy import select

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.close_tenant import close_tenant
from app.flows.end_room import end_room
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidApiKeyError, InvalidRefreshTokenError, RoomEndedError, TenantSuspendedError
from app.flows.results import Caller, Changes
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from app.flows.tools import Tools
from tests.adversary.races import a_token, at_once
from tests.builders import Tenant, a_room, a_tenant, an_operator
from tests.conftest import environment

ROUNDS = {"sqlite": 50, "postgresql": 200}
# Far more than anyone gets to do before the end that races them; who reaches it was never refused.
TRIES = 2_000


@dataclass(frozen=True)
class Authority:
    """A tenant, its only key and its only room, on which its sessions rest; `caller` and `operator` may end them."""

    tenant: Tenant
    room_id: str
    caller: Caller
    operator: Caller


@dataclass(frozen=True)
class Ending:
    """How an authority ends, why its sessions are over, and what a key in use is told from then on."""

    end: Callable[[Authority, Tools], None]
    reason: str
    refusal: type[Exception]


def compromise(authority, tools):
    rotate_api_key(authority.caller, authority.tenant.id, 0, "compromised", tools)


def suspend(authority, tools):
    change_tenant(authority.operator, authority.tenant.id, Changes(suspended=True), tools)


def close(authority, tools):
    close_tenant(authority.operator, authority.tenant.id, tools)


def end(authority, tools):
    end_room(authority.caller, authority.room_id, tools)


ENDINGS = [
    Ending(compromise, "key_compromised", InvalidApiKeyError),
    Ending(suspend, "tenant_suspended", TenantSuspendedError),
    Ending(close, "tenant_closed", InvalidApiKeyError),
    Ending(end, "room_ended", RoomEndedError),
]


@pytest.fixture(scope="module")
def tools(database_url):
    """Tools with the machine's own clock, and enough connections that nobody waits for one."""
    found = wiring_of(create_app(environment(database_url, DATABASE_POOL_SIZE="12"))).tools
    yield found
    found.database.close()


def exchange_until_refused(authority, tools):
    """Open session after session; give the refusal that ended it."""
    wanted = Exchange(Credential(secret=authority.tenant.api_key), room_id=authority.room_id, offline=True)
    try:
        for _ in range(TRIES):
            exchange_api_key(wanted, tools)
    except (InvalidApiKeyError, TenantSuspendedError, RoomEndedError) as refusal:
        return type(refusal)
    return None


def refresh_until_refused(token, tools):
    """Refresh again and again; give the refusal that ended it."""
    try:
        for _ in range(TRIES):
            token = refresh_access(Refresh(token), tools).refresh_token
    except InvalidRefreshTokenError as refusal:
        return type(refusal)
    return None


def reasons(authority, tools):
    """Tell for what reasons the sessions of an authority are over; None stands for a living one."""
    of_tenant = FamilyRow.tenant_id == authority.caller.tenant_id
    with tools.database.reading() as connection:
        return set(connection.execute(select(FamilyRow.revoke_reason).where(of_tenant)).scalars())


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.reason)
def test_an_ended_authority_leaves_no_living_session(backend, tools, ending):
    """
    B10, C13, I3, I10: of sessions that are opened and refreshed while their authority ends, none outlives it.
    """
    operator = authenticate_api_key(an_operator(tools), tools)
    for _ in range(ROUNDS[backend]):
        tenant = a_tenant(tools)
        authority = Authority(tenant, a_room(tools, tenant), authenticate_api_key(tenant.api_key, tools), operator)
        tokens = [a_token(tools, tenant, authority.room_id) for _ in range(2)]

        exchanges = [partial(exchange_until_refused, authority, tools)] * 3
        refreshes = [partial(refresh_until_refused, token, tools) for token in tokens]
        answers = at_once([*exchanges, *refreshes, partial(ending.end, authority, tools)])

        assert answers == [ending.refusal] * 3 + [InvalidRefreshTokenError] * 2 + [None]
        assert reasons(authority, tools) == {ending.reason}
