"""The seed's second mechanism from end to end, over real workers: who is in a room, and who is not any more."""

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from tests.adversary.workers import a_line_to_each_worker
from tests.builders import an_operator
from tests.conftest import environment
from tests.servers import serve

WORKERS = 4
TOKEN_PAIR = {"access_token", "refresh_token", "token_type", "expires_in"}
ENDED = {"error": {"code": "UNAUTHORIZED", "message": "Invalid access token"}}
INVALID_REFRESH_TOKEN = {"error": {"code": "INVALID_REFRESH_TOKEN", "message": "Refresh token is invalid or expired"}}


@pytest.fixture
def admin_key(own_database):
    """An operator's key, made at the server's command line."""
    tools = wiring_of(create_app(environment(own_database))).tools
    yield an_operator(tools)
    tools.database.close()


@pytest.fixture
def lines(own_database):
    """A line to each of four workers."""
    with serve(own_database, workers=WORKERS) as server, a_line_to_each_worker(server, WORKERS) as found:
        yield found


def bearer(tokens):
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def test_who_is_removed_from_a_room_is_out_on_every_worker(lines, admin_key):
    """
    Seed, B10, G6: create a tenant, open a room, admit two; each reads the room with their own Bearer; the host removes
    one, whose token and refresh die with the next request on each of four workers. The other goes on.
    """
    first, *others = lines
    opened = first.send("POST", "/api/v1/tenants", {"name": "Acme"}, headers={"X-API-Key": admin_key}).body["data"]
    key = {"X-API-Key": opened["api_key"]}
    room = first.send("POST", "/api/v1/rooms", {"name": "Lobby"}, headers=key).body["data"]
    path = f"/api/v1/rooms/{room['id']}"
    ada = first.send("POST", f"{path}/participants", {"display_name": "Ada", "role": "host"}, headers=key).body["data"]
    asked = {"api_key": opened["api_key"], "room_id": room["id"], "participant": {"display_name": "Bob"}}
    bob = first.send("POST", "/api/v1/auth/token", asked).body["data"]
    assert set(bob) == TOKEN_PAIR
    assert set(ada) >= TOKEN_PAIR
    for line in lines:
        for tokens in (ada, bob):
            assert line.send("GET", path, headers=bearer(tokens)).body["data"] == room
    bob = others[0].send("POST", "/api/v1/auth/refresh", {"refresh_token": bob["refresh_token"]}).body["data"]
    (listed,) = [
        each["id"]
        for each in first.send("GET", f"{path}/participants?active=true", headers=bearer(ada)).body["data"]
        if each["display_name"] == "Bob"
    ]

    removed = first.send("DELETE", f"{path}/participants/{listed}", headers=bearer(ada))

    assert (removed.status, removed.body) == (200, {"data": {"id": listed, "deleted": True}})
    for line in [*others, first]:
        answer = line.send("GET", path, headers=bearer(bob))
        assert (answer.status, answer.body) == (401, ENDED)
        answer = line.send("POST", "/api/v1/auth/refresh", {"refresh_token": bob["refresh_token"]})
        assert (answer.status, answer.body) == (401, INVALID_REFRESH_TOKEN)
        assert line.send("GET", path, headers=bearer(ada)).status == 200
        again = line.send("POST", f"{path}/participants/{listed}/token", headers=bearer(ada))
        assert (again.status, again.body["error"]["code"]) == (409, "CONFLICT")
        ada = line.send("POST", "/api/v1/auth/refresh", {"refresh_token": ada["refresh_token"]}).body["data"]
