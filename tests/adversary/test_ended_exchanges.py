"""A key that ends while it, or a token of it, is being exchanged leaves no participant with a living session."""

from functools import partial

import pytest
from sqlalchemy import select

from app.domain.refresh_tokens.tables import FamilyRow
from app.domain.rooms import NewParticipant
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_token import TokenExchange, exchange_token
from app.flows.refusals import InvalidRequestError
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from tests.adversary.races import at_once
from tests.builders import a_key_holding, a_pair, a_room, a_tenant
from tests.conftest import environment
from tests.guessers import id_of

ROUNDS = {"sqlite": 5, "postgresql": 40}
# Far more than anyone gets to do before the end that races them; who reaches it was never refused.
TRIES = 500
HELD = "participants:write rooms:read keys:write"


@pytest.fixture(scope="module")
def tools(database_url):
    """Tools with the machine's own clock, and enough connections that nobody waits for one."""
    found = wiring_of(create_app(environment(database_url, DATABASE_POOL_SIZE="12"))).tools
    yield found
    found.database.close()


def exchange_until_refused(wanted, tools):
    """Open session after session; give the refusal that ended it."""
    try:
        for _ in range(TRIES):
            exchange_token(wanted, tools)
    except InvalidRequestError as refusal:
        return refusal.field
    return None


@pytest.mark.parametrize("kind", ["token", "key"])
def test_a_compromised_key_leaves_no_session_of_an_exchange(backend, tools, kind):
    """
    L, B10, I10: of sessions that are opened by exchange while the subject's key is compromised, none outlives it, and
    those who ask are told of the subject alone.
    """
    for _ in range(ROUNDS[backend]):
        tenant = a_tenant(tools)
        lost = a_key_holding(HELD, tenant, tools)
        wanted = TokenExchange(
            credential=Credential(tenant.id, tenant.api_key),
            subject_token=lost.api_key if kind == "key" else a_pair(tools, lost).access_token,
            subject_is_key=kind == "key",
            room_id=a_room(tools, tenant),
            participant=NewParticipant("Ada", "user-1", "host"),
        )

        caller = authenticate_api_key(lost.api_key, tools)
        exchanges = [partial(exchange_until_refused, wanted, tools)] * 3
        told = at_once([*exchanges, partial(rotate_api_key, caller, tenant.id, 0, "compromised", tools)])

        assert told[:3] == ["subject_token"] * 3
        with tools.database.reading() as connection:
            of_key = select(FamilyRow.revoke_reason).where(FamilyRow.key_id == id_of(lost))
            assert set(connection.execute(of_key).scalars()) <= {"key_compromised"}
