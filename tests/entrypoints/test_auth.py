"""POST /auth/token, /auth/refresh and /auth/revoke: the seed, key for key and status for status."""

import re
from datetime import timedelta

import pytest

from tests.builders import a_pair, a_room, a_tenant

EXCHANGE, REFRESH, REVOKE = "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke"
JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", re.ASCII)

INVALID_API_KEY = {"error": {"code": "UNAUTHORIZED", "message": "Invalid API key"}}
TOKEN_EXPIRED = {"error": {"code": "TOKEN_EXPIRED", "message": "Access token has expired"}}
INVALID_REFRESH_TOKEN = {"error": {"code": "INVALID_REFRESH_TOKEN", "message": "Refresh token is invalid or expired"}}


def exchange(http, api_key, **more):
    return http.post(EXCHANGE, json={"api_key": api_key, **more})


def refresh(http, token, key=None):
    return http.post(REFRESH, json={"refresh_token": token}, headers={} if key is None else {"Idempotency-Key": key})


def read_room(http, room_id, token):
    return http.get(f"/api/v1/rooms/{room_id}", headers={"Authorization": f"Bearer {token}"})


def problem(field, message):
    detail = {"field": field, "message": message}
    return {"error": {"code": "VALIDATION_ERROR", "message": "The request is invalid", "details": [detail]}}


def assert_is_the_seeds_pair(answer):
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    data = answer.json["data"]
    access, fresh = data["access_token"], data["refresh_token"]
    golden = {"access_token": access, "refresh_token": fresh, "token_type": "Bearer", "expires_in": 3600}
    assert answer.json == {"data": golden}
    assert list(data) == list(golden)
    assert JWT.fullmatch(access)
    assert JWT.fullmatch(fresh)
    assert type(data["expires_in"]) is int


def assert_is_refused(answer, golden):
    assert answer.status_code == 401
    assert answer.content_type == "application/json"
    assert answer.json == golden
    assert "WWW-Authenticate" in answer.headers


def test_an_api_key_is_exchanged_for_the_seeds_pair(http, tenant):
    """
    CONTRACT 3, A8: the exchange answers exactly the seed's four fields, and nobody may cache them.
    """
    assert_is_the_seeds_pair(exchange(http, tenant.api_key))


def test_a_refresh_answers_the_seeds_pair(http, tools, tenant):
    """
    CONTRACT 3, C1: the refresh answers the same four fields, with both tokens new.
    """
    first = a_pair(tools, tenant)

    answer = refresh(http, first.refresh_token)
    assert_is_the_seeds_pair(answer)
    assert answer.json["data"]["refresh_token"] != first.refresh_token
    assert answer.json["data"]["access_token"] != first.access_token


def test_the_seeds_journey_works_from_key_to_room(http, tools, tenant):
    """
    The seed's life of a token: a key, a pair, a room read with it, the next pair, and the room again.
    """
    first = exchange(http, tenant.api_key).json["data"]
    second = refresh(http, first["refresh_token"]).json["data"]

    for pair in (first, second):
        assert read_room(http, a_room(tools, tenant), pair["access_token"]).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6",
        "sk_test_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV0mYl79",
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "",
        "é" * 55,
    ],
)
def test_a_key_that_does_not_work_gets_the_seeds_refusal(http, wrong):
    """
    Seed, B3: an unknown or malformed key is 401 UNAUTHORIZED "Invalid API key", and nothing else.
    """
    answer = exchange(http, wrong)

    assert_is_refused(answer, INVALID_API_KEY)
    assert answer.headers["WWW-Authenticate"] == 'ApiKey realm="chalk"'


def test_an_operators_key_buys_no_tokens(http, admin_key):
    """
    CONTRACT 2: an operator manages tenants and acts for none; at the exchange its key is no key.
    """
    assert_is_refused(exchange(http, admin_key), INVALID_API_KEY)


def test_an_expired_access_token_gets_the_seeds_refusal(http, tools, tenant, clock):
    """
    Seed, D8: an access token works for 3600 seconds, and then it is 401 TOKEN_EXPIRED.
    """
    clock.step(microseconds=-clock.now().microsecond)
    room_id, pair = a_room(tools, tenant), a_pair(tools, tenant)

    clock.step(seconds=3599)
    assert read_room(http, room_id, pair.access_token).status_code == 200
    clock.step(seconds=1)
    answer = read_room(http, room_id, pair.access_token)

    assert_is_refused(answer, TOKEN_EXPIRED)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("how", ["garbage", "empty", "an access token", "an API key", "spent", "idle", "revoked"])
def test_a_refresh_token_that_does_not_work_gets_the_seeds_refusal(http, tools, tenant, clock, how):
    """
    Seed, C2, C7, D10: garbage, another kind of token, a spent, an idle and a revoked one are all refused alike.
    """
    pair = a_pair(tools, tenant)
    presented = {"garbage": "eyJhbGciOiJIUzI1NiIs", "empty": "", "an access token": pair.access_token}.get(
        how, tenant.api_key if how == "an API key" else pair.refresh_token
    )
    if how == "spent":
        assert refresh(http, presented).status_code == 200
    if how == "idle":
        clock.step(days=30)
    if how == "revoked":
        assert http.post(REVOKE, json={"refresh_token": presented}).status_code == 204

    assert_is_refused(refresh(http, presented), INVALID_REFRESH_TOKEN)


def test_a_revocation_ends_the_session_and_its_access_tokens(http, tools, tenant):
    """
    CONTRACT 3, G7: after 204 neither the refresh token nor an access token of its session works; a second 204 is fine.
    """
    room_id, pair = a_room(tools, tenant), a_pair(tools, tenant)

    for _ in range(2):
        answer = http.post(REVOKE, json={"refresh_token": pair.refresh_token})
        assert (answer.status_code, answer.data) == (204, b"")

    assert refresh(http, pair.refresh_token).json == INVALID_REFRESH_TOKEN
    assert read_room(http, room_id, pair.access_token).status_code == 401


@pytest.mark.parametrize("presented", ["", "garbage", "a.b.c", "é", "x" * 20_000])
def test_a_revocation_says_nothing_of_what_was_presented(http, presented):
    """
    CONTRACT 3, G3: whatever is presented for revocation, the answer is 204 (RFC 7009 section 2.2).
    """
    assert http.post(REVOKE, json={"refresh_token": presented}).status_code == 204


def test_tokens_for_one_room_work_in_no_other(http, tools, tenant):
    """
    CONTRACT 4, D8: with `room_id`, the tokens read that room and list it alone; other rooms do not exist for them.
    """
    room_id, other_id = a_room(tools, tenant), a_room(tools, tenant)
    first = exchange(http, tenant.api_key, room_id=room_id).json["data"]

    for pair in (first, refresh(http, first["refresh_token"]).json["data"]):
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        assert read_room(http, room_id, pair["access_token"]).status_code == 200
        assert read_room(http, other_id, pair["access_token"]).status_code == 404
        assert [room["id"] for room in http.get("/api/v1/rooms", headers=bearer).json["data"]] == [room_id]
        assert http.post("/api/v1/rooms", json={"name": "More"}, headers=bearer).status_code == 403
        assert http.post(f"/api/v1/rooms/{other_id}/end", headers=bearer).status_code == 404


def test_tokens_are_bound_to_a_room_of_ones_own_that_is_open(http, tools, tenant):
    """
    B8, B10: a foreign room is as missing as one that never was, and an ended one is 409 ROOM_ENDED.
    """
    foreign = a_room(tools, a_tenant(tools))
    ended = a_room(tools, tenant)
    assert http.post(f"/api/v1/rooms/{ended}/end", headers={"X-API-Key": tenant.api_key}).status_code == 200

    answers = [exchange(http, tenant.api_key, room_id=each) for each in (foreign, "room_" + "0" * 26, "", "\0")]

    assert {answer.status_code for answer in answers} == {404}
    assert all(answer.json == {"error": {"code": "NOT_FOUND", "message": "Not found"}} for answer in answers)
    gone = exchange(http, tenant.api_key, room_id=ended)
    assert (gone.status_code, gone.json) == (409, {"error": {"code": "ROOM_ENDED", "message": "The room has ended"}})


@pytest.mark.parametrize(
    ("path", "field"), [(EXCHANGE, "api_key"), (REFRESH, "refresh_token"), (REVOKE, "refresh_token")]
)
def test_a_body_says_what_is_asked_and_nothing_else(http, path, field):
    """
    CONTRACT 1: an unknown, a missing and a mistyped field are refused with VALIDATION_ERROR and the field's name.
    """
    for body, expected in (
        ({field: "x", "audience": "all"}, problem("audience", "is unknown")),
        ({}, problem(field, "is required")),
        ({field: 5}, problem(field, "must be a string")),
        ({field: None}, problem(field, "must be a string")),
        ([], problem("body", "must be a JSON object of known fields")),
    ):
        answer = http.post(path, json=body)
        assert answer.status_code == 400
        assert answer.json == expected


@pytest.mark.parametrize(("key", "status"), [("k" * 15, 400), ("k" * 16, 200), ("k" * 255, 200), ("k" * 256, 400)])
def test_an_idempotency_key_has_16_to_255_characters(http, tools, tenant, key, status):
    """
    CONTRACT 5: a shorter or longer Idempotency-Key is 400 and spends nothing.
    """
    pair = a_pair(tools, tenant)

    answer = refresh(http, pair.refresh_token, key)

    assert answer.status_code == status
    if status == 400:
        assert answer.json == problem("Idempotency-Key", "must be 16 to 255 printable ASCII characters")
        assert_is_the_seeds_pair(refresh(http, pair.refresh_token))


def test_a_key_in_its_grace_says_so(http, tenant, clock):
    """
    CONTRACT 3, B5: a replaced key answers with X-API-Key-Status until its grace ends; then it is no key.
    """
    path, caller = f"/api/v1/tenants/{tenant.id}/rotate-key", {"X-API-Key": tenant.api_key}
    successor = http.post(path, json={"grace_period": 60}, headers=caller).json["data"]["api_key"]
    ends = (clock.now() + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")

    answer = exchange(http, tenant.api_key)

    assert_is_the_seeds_pair(answer)
    assert answer.headers["X-API-Key-Status"] == f'rotating; expires_at="{ends}"'
    assert "X-API-Key-Status" not in exchange(http, successor).headers
    clock.step(seconds=60)
    assert_is_refused(exchange(http, tenant.api_key), INVALID_API_KEY)
