"""What holds at every door: request ids, challenges, one place for a key, and faults that say nothing."""

import re

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from tests.conftest import environment, migrate

# Of the contract: well written, and nobody's.
KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
EXCHANGE, REFRESH = "/api/v1/auth/token", "/api/v1/auth/refresh"
TOKEN, JWKS = "/oauth/token", "/.well-known/jwks.json"


@pytest.mark.parametrize("path", [TOKEN, EXCHANGE, "/nowhere", JWKS])
@pytest.mark.parametrize(
    "given", ["a" * 8, "a" * 128, "b1-_" * 8, "a" * 7, "a" * 129, "a b c d e", "ä" * 9, "<x>" * 9, ""]
)
def test_every_answer_names_its_request(http, path, given):
    """
    CONTRACT 3: X-Request-Id is echoed when it is a plain word of 8 to 128 characters, and made otherwise.
    """
    answer = http.get(path, headers={"X-Request-Id": given})

    named = answer.headers["X-Request-Id"]
    assert (named == given) == bool(re.fullmatch(r"[a-zA-Z0-9_-]{8,128}", given))
    assert re.fullmatch(r"[\w-]{8,128}", named, re.ASCII)
    assert http.get(path).headers["X-Request-Id"] != named


def test_every_401_carries_a_challenge(http, tools, tenant):
    """
    CONTRACT 3, A7: whichever credential fails at whichever door, the answer says how to authenticate.
    """
    wrong, garbage = {"X-API-Key": "wrong"}, {"Authorization": "Bearer x"}
    for answer, challenge in (
        (http.post(EXCHANGE, json={"api_key": "x"}), "ApiKey"),
        (http.post(REFRESH, json={"refresh_token": "x"}), "ApiKey"),
        (http.get("/api/v1/tenants/x"), "ApiKey"),
        (http.get("/api/v1/tenants/x", headers=wrong), "ApiKey"),
        (http.get("/api/v1/rooms", headers=wrong), "ApiKey"),
        (http.get("/api/v1/rooms", headers=garbage), "Bearer"),
        (http.get("/api/v1/rooms"), "Bearer"),
        (http.post(TOKEN, data={"grant_type": "client_credentials"}), "Basic"),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith(f'{challenge} realm="chalk"')


@pytest.mark.parametrize("path", ["/api/v1/rooms", "/api/v1/tenants/{}"])
def test_a_key_counts_in_its_header_only_and_once(http, tenant, path):
    """
    B7, B11: a key in the query, in a cookie or as another header is no key, and two in one header are none.
    """
    path, key = path.format(tenant.id), tenant.api_key
    none = [
        http.get(path, query_string={"api_key": key, "X-API-Key": key, "key": key, "access_token": key}),
        http.get(path, headers={"Cookie": f"X-API-Key={key}; api_key={key}"}),
        http.get(path, headers={"API-Key": key, "X-Auth-Token": key, "Proxy-Authorization": f"Bearer {key}"}),
    ]
    twice = [
        http.get(path, headers={"X-API-Key": both}) for both in (f"{key},{key}", f"{key}, {key}", f"x,{key}", f"{key},")
    ]

    assert {answer.status_code for answer in (*none, *twice)} == {401}
    assert {answer.json["error"]["message"] for answer in none} == {"Authentication required"}
    assert {answer.json["error"]["message"] for answer in twice} == {"Invalid API key"}
    assert http.get(path, headers={"X-API-Key": key}).status_code == 200


def test_a_bug_says_nothing_but_its_request_id(backend, new_database, clock):
    """
    CONTRACT 3: when a row of ours is broken, the caller learns that we are at fault, and no more.
    """
    url = new_database(backend)
    migrate(url)
    healthy = wiring_of(create_app(environment(url), clock)).tools
    with healthy.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE signing_keys SET private_jwe = 'broken'")
    broken = create_app(environment(url), clock, warm=False)
    http = broken.test_client()

    chalk = http.post(EXCHANGE, json={"api_key": KEY}, headers={"X-Request-Id": "request-of-mine"})
    oauth = http.get(JWKS)

    assert (chalk.status_code, oauth.status_code) == (500, 500)
    assert chalk.headers["X-Request-Id"] == "request-of-mine"
    assert chalk.json == {"error": {"code": "INTERNAL_ERROR", "message": "Internal error"}}
    assert oauth.json == {"error": "server_error", "error_description": "Internal error"}
    for each in (healthy, wiring_of(broken).tools):
        each.database.close()
