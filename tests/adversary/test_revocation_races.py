"""A session is revoked while it is refreshed: after the 200, nothing that was ever minted from it is active."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.foundation.identifiers import parse_id
from tests.adversary.rounds import rounds
from tests.builders import a_room, a_tenant
from tests.forgery import claims_of

ROUNDS = rounds(50)
REFRESHERS = 4
# Far more than anyone gets to do before the revocation; who reaches it was never refused.
TRIES = 500
PATIENCE_SECONDS = 30
# Four rotations are remembered: however late a copy comes, it is known for one (CONTRACT 5).
LAST_GENERATION = 4


@dataclass
class Session:
    """A session under attack: what it gave so far, and who was refused; `given` counts what came after the first."""

    basic: dict[str, str]
    pairs: list[dict[str, str]]
    refused: list[tuple[int, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    given: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def latest(self):
        """Give the refresh token that is furthest ahead, up to the one that is then retried again and again."""
        generations = {claims_of(pair["refresh_token"])["gen"]: pair["refresh_token"] for pair in list(self.pairs)}
        return generations[max(number for number in generations if number <= LAST_GENERATION)]

    @property
    def id(self):
        """Give the id of the session."""
        return parse_id("ses", claims_of(self.pairs[0]["access_token"])["sid"])


@pytest.fixture(scope="module")
def application(make_app):
    """An application with a connection for each of the racers."""
    made = make_app(DATABASE_POOL_SIZE="12")
    yield made
    wiring_of(made).tools.database.close()


def post(client, path, session, **fields):
    return client.post(path, data=fields, headers=session.basic)


def a_session(client, tenant):
    basic = base64.b64encode(f"{tenant.id}:{tenant.api_key}".encode()).decode()
    session = Session({"Authorization": f"Basic {basic}"}, [])
    asked = {"grant_type": "client_credentials", "scope": "rooms:read offline_access"}
    session.pairs.append(post(client, "/oauth/token", session, **asked).json)
    return session


def refresh_until_refused(application, session):
    """Refresh what is furthest ahead, again and again; copies of one request have one Idempotency-Key."""
    client = application.test_client()
    for _ in range(TRIES):
        token = session.latest()
        form = {"grant_type": "refresh_token", "refresh_token": token}
        once = {"Idempotency-Key": f"generation-{claims_of(token)['gen']:016}"}
        over = session.over.is_set()
        answer = client.post("/oauth/token", data=form, headers={**session.basic, **once})
        assert not (over and answer.status_code == 200), "a refresh that began after the 200 was answered"
        if answer.status_code == 200:
            session.pairs.append(answer.json)
            session.given.release()
        elif token == session.latest():
            session.refused.append((answer.status_code, answer.json["error"]))
            return


def revoke_after(application, session, count, kind):
    """Revoke, by a token of a kind, as soon as the session has given so many more pairs."""
    client = application.test_client()
    for _ in range(count):
        assert session.given.acquire(timeout=PATIENCE_SECONDS)
    answer = post(client, "/oauth/revoke", session, token=session.pairs[-1][kind])
    assert (answer.status_code, answer.json) == (200, {})
    session.over.set()
    # What was minted before the 200 is dead from the 200 on, not a moment later.
    assert_is_dead(client, session)


def assert_is_dead(client, session):
    for pair in list(session.pairs):
        for token in (pair["access_token"], pair["refresh_token"]):
            assert post(client, "/oauth/introspect", session, token=token).json == {"active": False}


def reason(tools, session):
    with tools.database.reading() as connection:
        return connection.execute(select(FamilyRow.revoke_reason).where(FamilyRow.id == session.id)).scalar_one()


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_nothing_that_raced_a_revocation_is_active_afterwards(application, tools, clock, kind):
    """
    C10, C13, G6, I3: refreshes and retries that overlap the revocation give nothing that outlives it.
    """
    client = application.test_client()
    for number in range(ROUNDS):
        tenant = a_tenant(tools)
        room_id, session = a_room(tools, tenant), a_session(client, tenant)

        with ThreadPoolExecutor(REFRESHERS + 1) as pool:
            racing = [pool.submit(refresh_until_refused, application, session) for _ in range(REFRESHERS)]
            racing.append(pool.submit(revoke_after, application, session, number % 8, kind))
            for each in racing:
                each.result()

        assert session.refused == [(400, "invalid_grant")] * REFRESHERS
        # Nothing else ended it: all the while, the refreshes were honest.
        assert reason(tools, session) == "revoked"
        assert_is_dead(client, session)
        for pair in session.pairs:
            bearer = {"Authorization": f"Bearer {pair['access_token']}"}
            assert client.get(f"/api/v1/rooms/{room_id}", headers=bearer).status_code == 401
