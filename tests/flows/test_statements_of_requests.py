"""What the hot paths cost over HTTP, statement by statement and table by table; that a key was used adds none."""

import contextlib
import re
import threading

import pytest
from sqlalchemy import Engine, event, select

from app.domain.api_keys.tables import ApiKeyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.issue_resource_server_key import issue_resource_server_key
from app.flows.note_uses import note_uses
from app.flows.tend_signing_keys import tend_signing_keys
from tests.adversary.workers import basic
from tests.builders import a_pair, a_room
from tests.conftest import MASTER_KEY
from tests.guessers import id_of
from tests.named_keys import by

ONCE = {"Idempotency-Key": "0123456789abcdef"}
# Locks by name, of PostgreSQL only: shared, and alone.
LOCKS = {"LEAN", "ALONE"}
READS_KEY, LEANS_ON_KEY = ["SELECT api_keys"], ["LEAN", "SELECT api_keys"]
REPLY = ["ALONE", "SELECT replies"]
ROTATES = ["UPDATE families"]


@contextlib.contextmanager
def told():
    """Collect what this thread asks of the database, as verb and table, without BEGIN and COMMIT."""
    statements, own = [], threading.get_ident()

    def note(_connection, _cursor, statement, *_rest):
        if threading.get_ident() != own or statement.startswith("BEGIN"):
            return
        lock = re.match(r"SELECT pg_advisory_xact_lock(_shared)?\(", statement)
        table = re.search(r"(?:FROM|INTO|UPDATE) (\w+)", statement)
        name = ("LEAN" if lock[1] else "ALONE") if lock else f"{statement.split()[0]} {table and table[1]}"
        statements.append(name)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def on(backend, statements):
    """Leave out what this database is not asked."""
    return [each for each in statements if backend == "postgresql" or each not in LOCKS]


class Client:
    """A tenant's program, which goes on from one refresh token to the next; the signing keys were just read."""

    def __init__(self, http, tools, tenant) -> None:
        tend_signing_keys(tools)
        self.http, self.key = http, by(tenant.api_key)
        self.known_keys, self.key_id = tools.known_keys, id_of(tenant)
        self.chalk, self.oauth = {"api_key": tenant.api_key}, basic(tenant.id, tenant.api_key)
        server = issue_resource_server_key(tools.http.audiences[0], tools)
        self.resource_server = basic(server.name, server.text)
        self.room, pair = f"/api/v1/rooms/{a_room(tools, tenant)}", a_pair(tools, tenant)
        self.home = f"/api/v1/tenants/{tenant.id}"
        self.bearer = {"Authorization": f"Bearer {pair.access_token}"}
        self.access_token, self.refresh_token = pair.access_token, pair.refresh_token

    def forget_key(self):
        """Have the server know nothing of the key."""
        self.known_keys.forget(self.key_id)
        return self

    def exchange(self, **headers):
        """Exchange the key in Chalk JSON."""
        return self.http.post("/api/v1/auth/token", json=self.chalk, headers=headers)

    def token(self, headers, **form):
        """Ask at the token endpoint."""
        return self._go_on(self.http.post("/oauth/token", data=form, headers=self.oauth | headers))

    def refresh(self, headers):
        """Refresh in Chalk JSON."""
        asked = {"refresh_token": self.refresh_token}
        return self._go_on(self.http.post("/api/v1/auth/refresh", json=asked, headers=headers))

    def refresh_as_client(self, headers):
        """Refresh at the token endpoint."""
        return self.token(headers, grant_type="refresh_token", refresh_token=self.refresh_token)

    def introspect(self, token, headers):
        """Ask what a token says."""
        return self.http.post("/oauth/introspect", data={"token": token}, headers=headers)

    def _go_on(self, answer):
        body = answer.json.get("data", answer.json)
        self.refresh_token = body.get("refresh_token", self.refresh_token)
        return answer


GRANT = {"grant_type": "client_credentials"}
OFFLINE = GRANT | {"scope": "rooms:read offline_access"}
REQUESTS = {
    "exchange, key unknown": (lambda it: it.forget_key().exchange(), [*READS_KEY, "INSERT families"]),
    "exchange": (lambda it: it.exchange(), ["INSERT families"]),
    "exchange, once": (
        lambda it: it.exchange(**ONCE),
        ["ALONE", *LEANS_ON_KEY, *REPLY, "INSERT families", "INSERT replies"],
    ),
    "exchange, again": (lambda it: it.exchange(**ONCE), ["ALONE", *LEANS_ON_KEY, *REPLY]),
    "client credentials": (lambda it: it.token({}, **GRANT), ["INSERT families"]),
    "client credentials, once": (lambda it: it.token(ONCE, **GRANT), ["INSERT families"]),
    "refresh": (lambda it: it.refresh({}), ROTATES),
    "refresh, once": (lambda it: it.refresh(ONCE), ROTATES),
    "offline": (lambda it: it.token({}, **OFFLINE), ["INSERT families"]),
    "refresh grant": (lambda it: it.refresh_as_client({}), ROTATES),
    "refresh grant, once": (lambda it: it.refresh_as_client(ONCE), ROTATES),
    "refresh grant, key unknown": (lambda it: it.forget_key().refresh_as_client({}), [*READS_KEY, *ROTATES]),
    "authenticate key": (lambda it: it.http.get(it.home, headers=it.key), [*READS_KEY, "SELECT tenants"]),
    "room by key": (lambda it: it.http.get(it.room, headers=it.key), [*READS_KEY, "SELECT rooms"]),
    # Whether the token holds, and the room beside.
    "room by access token": (lambda it: it.http.get(it.room, headers=it.bearer), ["SELECT families"]),
    "introspect": (lambda it: it.introspect(it.access_token, it.oauth), ["SELECT families"]),
    "introspect, resource server, key unknown": (
        lambda it: it.introspect(it.access_token, it.resource_server),
        [*READS_KEY, "SELECT families"],
    ),
    "introspect, resource server": (
        lambda it: it.introspect(it.access_token, it.resource_server),
        ["SELECT families"],
    ),
    "introspect, refresh token": (
        lambda it: it.introspect(it.refresh_token, it.oauth),
        [*READS_KEY, "SELECT families"],
    ),
    "revoke": (
        lambda it: it.http.post("/api/v1/auth/revoke", json={"refresh_token": it.refresh_token}),
        [*ROTATES, "INSERT audit_events"],
    ),
}


def last_used(tools, tenant):
    statement = select(ApiKeyRow.last_used_at).where(ApiKeyRow.id == id_of(tenant))
    with tools.database.reading() as connection:
        return connection.execute(statement).scalar_one()


def test_every_hot_path_asks_what_it_must_and_no_more(http, tools, tenant, backend, clock):
    """
    CONTRACT 2, 5: exchange, refresh, introspect and read, in either dialect, with an Idempotency-Key and without: each
    statement is pinned. When a key was used is noted in memory, and written afterwards, with how often in the hour.
    """
    client, keys_used = Client(http, tools, tenant), 2

    for name, (ask, expected) in REQUESTS.items():
        with told() as statements:
            answer = ask(client)
        assert (name, answer.status_code // 100, statements) == (name, 2, on(backend, expected))

    assert last_used(tools, tenant) is None
    for updates in (keys_used, 0):
        with told() as statements:
            note_uses(tools)
        assert statements == on(backend, ["ALONE", "UPDATE api_keys", "INSERT api_key_hours"]) * updates
    assert last_used(tools, tenant) == clock.now()


def test_uses_are_written_by_a_thread_of_their_own_a_minute_later(database_url, tools, tenant, clock, monkeypatch):
    """
    CONTRACT 2: in a process of its own, a request by key starts a timer and asks nothing more; what the timer does is
    to write the use. Many requests start one.
    """
    for name, value in {"DATABASE_URL": database_url, "MASTER_KEY": MASTER_KEY}.items():
        monkeypatch.setenv(f"CHALK_{name}", value)
    application = create_app(clock=clock)
    http = application.test_client()

    for _ in range(3):
        with told() as statements:
            assert http.get(f"/api/v1/tenants/{tenant.id}", headers=by(tenant.api_key)).status_code == 200
        assert statements == ["SELECT api_keys", "SELECT tenants"]
    timers = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
    (timer,) = [each for each in timers if each.interval == 60]
    for each in timers:
        each.cancel()
    assert (timer.daemon, last_used(tools, tenant)) == (True, None)

    timer.function()

    assert last_used(tools, tenant) == clock.now()
    for other in [each for each in threading.enumerate() if each.name == "occasionally"]:
        other.join(60)
    wiring_of(application).tools.database.close()


@pytest.fixture(autouse=True)
def _no_use_is_noted_yet(tools):
    """An earlier test may have used keys of its own."""
    tools.uses.take()
