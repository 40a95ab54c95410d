"""A client that authenticates by assertion leaves no living session behind either, when its tenant or key is ended."""

from functools import partial

import pytest
from sqlalchemy import select

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.foundation.identifiers import parse_id
from tests.adversary.races import at_once
from tests.assertions import a_key, an_assertion, form, register
from tests.builders import a_tenant, an_operator

ROUNDS = 50
RACERS = 4
# Far more than anyone gets to do before the end that races them; who reaches it was never refused.
TRIES = 500
ENDINGS = {
    "tenant_suspended": ("PATCH", {"status": "suspended"}, "unauthorized_client"),
    "tenant_closed": ("DELETE", None, "invalid_client"),
    "client_key_withdrawn": ("PATCH", {"jwks": None}, "invalid_client"),
}


@pytest.fixture(scope="module")
def application(make_app):
    """An application with a connection for each of the racers."""
    made = make_app(DATABASE_POOL_SIZE="12")
    yield made
    wiring_of(made).tools.database.close()


def exchange_until_refused(client, key, tenant, now):
    """Open session after session by assertion; give the refusal that ended it."""
    for _ in range(TRIES):
        asked = form(an_assertion(key, tenant.id, now), scope="rooms:read offline_access")
        answer = client.post("/oauth/token", data=asked)
        if answer.status_code != 200:
            return answer.json["error"]
    return None


@pytest.mark.parametrize("reason", ENDINGS)
def test_an_ended_authority_leaves_no_session_of_an_assertion(application, tools, clock, reason):
    """
    B10, C13, I: of sessions that are opened by assertion while their tenant or key is ended, none outlives it.
    """
    method, body, refusal = ENDINGS[reason]
    operator, key = {"X-API-Key": an_operator(tools)}, a_key()
    for _ in range(ROUNDS):
        tenant = a_tenant(tools)
        register(application.test_client(), tenant, key)
        path = f"/api/v1/tenants/{tenant.id}"

        clients = [application.test_client() for _ in range(RACERS)]
        opening = [partial(exchange_until_refused, client, key, tenant, clock.now()) for client in clients]
        end = partial(application.test_client().open, path, method=method, json=body, headers=operator)
        *told, ended = at_once([*opening, end])

        assert (told, ended.status_code) == ([refusal] * RACERS, 200)
        of_tenant = FamilyRow.tenant_id == parse_id("tenant", tenant.id)
        with tools.database.reading() as connection:
            reasons = set(connection.execute(select(FamilyRow.revoke_reason).where(of_tenant)).scalars())
        assert reasons <= {reason}
