"""The database is away: every door says so, nothing is decided, and what is in memory is served."""

import time

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.foundation.identifiers import new_id, print_id
from bench.torture.faults.ports import free_port
from tests.builders import a_pair, a_room, a_tenant
from tests.conftest import environment, migrate
from tests.databases import take_away
from tests.forgery import hs256

EXCHANGE, REFRESH, REVOKE = "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke"
TOKEN, JWKS, META = "/oauth/token", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"
# Of the contract: well written, and nobody's.
KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
AWAY = "The service is temporarily unavailable"
CHALK = {"error": {"code": "SERVICE_UNAVAILABLE", "message": AWAY}}
OAUTH = {"error": "temporarily_unavailable", "error_description": AWAY}


@pytest.fixture
def orphan(request, backend, new_database, clock):
    """An application that has just lost its database, with a tenant and a pair from before."""
    url = new_database(backend)
    migrate(url)
    application = create_app(environment(url, DATABASE_TIMEOUT_SECONDS="1"), clock)
    tools = wiring_of(application).tools
    tenant = a_tenant(tools)
    room_id, pair = a_room(tools, tenant), a_pair(tools, tenant)
    if backend == "sqlite":
        tools.database.close()
    take_away(url, lambda: request.getfixturevalue("postgres"))
    yield application.test_client(), tenant, room_id, pair
    tools.database.close()


@pytest.fixture(scope="module")
def stranded():
    """An application that never reached its database: nobody listens there."""
    url = f"postgresql://nobody:hunter2@127.0.0.1:{free_port()}/nothing"
    application = create_app(environment(url, DATABASE_TIMEOUT_SECONDS="1"))
    yield application.test_client()
    wiring_of(application).tools.database.close()


def assert_says_so(answer, golden):
    assert answer.status_code == 503
    assert answer.content_type == "application/json"
    assert answer.json == golden
    assert answer.headers["Retry-After"].isdecimal()
    assert "WWW-Authenticate" not in answer.headers


def test_a_lost_database_is_503_at_every_chalk_door(orphan):
    """
    A21, G9: a right key, a right access token, a refresh and a revocation get 503 with Retry-After: no 401, no 204.
    """
    http, tenant, room_id, pair = orphan
    key, bearer = {"X-API-Key": tenant.api_key}, {"Authorization": f"Bearer {pair.access_token}"}
    people, person, ada = f"/api/v1/rooms/{room_id}/participants", print_id("p", new_id()), {"display_name": "Ada"}
    admissions = [("", ada), ("/bulk", {"participants": [ada]}), (f"/{person}/token", {})]

    for answer in (
        http.post(EXCHANGE, json={"api_key": tenant.api_key}),
        http.post(REFRESH, json={"refresh_token": pair.refresh_token}),
        http.post(REVOKE, json={"refresh_token": pair.refresh_token}),
        http.get(f"/api/v1/tenants/{tenant.id}", headers=key),
        http.post(f"/api/v1/tenants/{tenant.id}/rotate-key", headers=key),
        http.get(f"/api/v1/rooms/{room_id}", headers=key),
        http.get(f"/api/v1/rooms/{room_id}", headers=bearer),
        http.post("/api/v1/rooms", json={"name": "Lobby"}, headers=bearer),
        http.post(EXCHANGE, json={"api_key": tenant.api_key, "room_id": room_id, "participant": ada}),
        *(http.post(f"{people}{path}", json=body, headers=by) for by in (key, bearer) for path, body in admissions),
        http.get(people, headers=bearer),
        http.delete(f"{people}/{person}", headers=bearer),
        http.get(f"/api/v1/tenants/{tenant.id}/events", headers=key),
        http.post(f"/api/v1/tenants/{tenant.id}/api-keys", json={"name": "CI"}, headers=key),
        http.delete(f"/api/v1/tenants/{tenant.id}/api-keys/key_{tenant.api_key[8:16]}", headers=key),
        http.get(f"/api/v1/tenants/{tenant.id}/api-keys/key_{tenant.api_key[8:16]}/uses", headers=key),
        http.post("/api/v1/leaks", json={"api_key": tenant.api_key}),
        http.post("/api/v1/leaks", json={"api_key": KEY}),
    ):
        assert_says_so(answer, CHALK)


def test_a_lost_database_is_temporarily_unavailable_at_the_token_endpoint(orphan):
    """
    A21: no grant answers invalid_client or invalid_grant for something that it could not look up.
    """
    http, tenant, room_id, pair = orphan
    exchange = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": pair.access_token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "room_id": room_id,
        "display_name": "Ada",
    }
    for form in (
        exchange,
        {"grant_type": "client_credentials"},
        {"grant_type": "refresh_token", "refresh_token": pair.refresh_token},
    ):
        assert_says_so(http.post(TOKEN, data=form, auth=(tenant.id, tenant.api_key)), OAUTH)


def test_the_published_documents_outlive_the_database(orphan):
    """
    E4: the JWKS and the metadata are served from memory, with the same headers as ever.
    """
    http = orphan[0]

    for path in (JWKS, META):
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert http.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert http.get(JWKS).json["keys"]


def test_keys_that_are_too_old_are_published_while_nothing_newer_can_be_read(orphan, clock):
    """
    E4: hours into an outage, too.
    """
    http = orphan[0]
    before = http.get(JWKS).data
    clock.step(hours=5)
    assert [(answer.status_code, answer.data) for answer in [http.get(JWKS) for _ in range(3)]] == [(200, before)] * 3


def test_verifiers_do_not_wait_for_a_database_that_is_silent(own_database, clock):
    """
    E4: one request in a while finds out that nothing can be read; all others are served from memory at once.
    """
    one_connection = {"DATABASE_POOL_SIZE": "1", "DATABASE_TIMEOUT_SECONDS": "1", "KEYRING_MAX_AGE_SECONDS": "1"}
    application = create_app(environment(own_database, **one_connection), clock)
    database, http = wiring_of(application).tools.database, application.test_client()
    with database.transaction():
        began = time.monotonic()
        for _ in range(6):
            clock.step(seconds=10)
            assert http.get(JWKS).status_code == 200
        took = time.monotonic() - began
    database.close()

    assert took < 3


def test_what_needs_no_database_is_refused_as_usual(orphan):
    """
    CONTRACT 2: a mistyped key and a foreign token are answered before any database work.
    """
    http = orphan[0]

    assert http.post(EXCHANGE, json={"api_key": "mistyped"}).status_code == 401
    assert http.post(REFRESH, json={"refresh_token": "foreign"}).status_code == 401
    assert http.post(REVOKE, json={"refresh_token": "foreign"}).status_code == 204
    assert http.get("/api/v1/rooms", headers={"Authorization": "Bearer foreign"}).status_code == 401


def test_a_server_starts_while_its_database_is_away(stranded):
    """
    A21: before the first sight of the database there is no signing key either; both dialects say 503, and the
    password of the database's URL stands in no answer.
    """
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": KEY}
    token = hs256({"alg": "RS256", "typ": "at+jwt", "kid": "x"}, {}, b"")
    answers = [
        (stranded.post(EXCHANGE, json={"api_key": KEY}), CHALK),
        (stranded.get("/api/v1/rooms", headers={"Authorization": f"Bearer {token}"}), CHALK),
        (stranded.post(TOKEN, data=form), OAUTH),
        (stranded.get(JWKS), OAUTH),
    ]

    for answer, golden in answers:
        assert_says_so(answer, golden)
        assert "hunter2" not in answer.text
    assert stranded.get(META).status_code == 200
