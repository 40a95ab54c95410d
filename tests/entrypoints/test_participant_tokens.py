"""Tokens of participants: in one call at /auth/token, minted anew, how long they live, and where they are seen."""

from datetime import timedelta

import pytest

from app.foundation.clock import rfc3339
from tests.builders import ALL_SCOPES, a_key_holding, a_room, a_tenant
from tests.forgery import claims_of
from tests.participants import HOST, PARTICIPANT, ROOMS, admitted, bearer, by, introspected, people, reads, refreshed

EXCHANGE = "/api/v1/auth/token"
FIELDS = ["access_token", "refresh_token", "token_type", "expires_in"]
ADA = {"display_name": "Ada"}


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


def exchange(http, tenant, **asked):
    return http.post(EXCHANGE, json={"api_key": tenant.api_key, **asked})


def exchanged(http, tenant, **asked):
    answer = exchange(http, tenant, **asked)
    assert (answer.status_code, list(answer.json["data"]), list(answer.json)) == (200, FIELDS, ["data"])
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json["data"]


def test_one_call_admits_and_answers_the_seeds_four_fields(http, tenant, room_id):
    """
    CONTRACT 3, 4: with a room and a participant, /auth/token admits them and answers their pair, in the seed's shape.
    """
    who = {"display_name": "Ada", "external_user_id": "42", "role": "host"}

    pair = exchanged(http, tenant, room_id=room_id, participant=who)

    claims = claims_of(pair["access_token"])
    assert (claims["room_id"], claims["role"], claims["display_name"]) == (room_id, "host", "Ada")
    assert (claims["sub"], claims["scope"]) == (claims["participant_id"], HOST)
    listed = http.get(people(room_id), headers=by(tenant.api_key)).json["data"]
    assert [(each["id"], each["external_user_id"]) for each in listed] == [(claims["sub"], "42")]
    assert (reads(http, room_id, pair["access_token"]), pair["expires_in"]) == (200, 3600)
    assert refreshed(http, pair["refresh_token"]).status_code == 200


def test_the_call_is_what_it_was_when_none_of_it_is_asked(http, tenant, room_id):
    """
    CONTRACT 3: without the new fields it is the tenant's pair, and with the room alone the tenant's for that room.
    """
    free, bound = exchanged(http, tenant), exchanged(http, tenant, room_id=room_id)

    for pair, room in ((free, None), (bound, room_id)):
        claims = claims_of(pair["access_token"])
        assert (claims["sub"], claims["scope"], claims.get("room_id")) == (tenant.id, ALL_SCOPES, room)
        assert not {"participant_id", "role", "display_name"} & set(claims)


def test_a_participant_by_id_gets_another_pair(http, tenant, room_id):
    """
    CONTRACT 3: who is in the room is named by id, and nobody is admitted by it; who was removed gets none.
    """
    first = admitted(http, room_id, by(tenant.api_key))["participant"]
    who = {"id": first["id"]}

    pair = exchanged(http, tenant, room_id=room_id, participant=who, scope="rooms:read", expires_in=60)

    claims = claims_of(pair["access_token"])
    assert (claims["sub"], claims["scope"], claims["exp"] - claims["iat"]) == (first["id"], "rooms:read", 60)
    assert len(http.get(people(room_id), headers=by(tenant.api_key)).json["data"]) == 1
    http.delete(people(room_id, first["id"]), headers=by(tenant.api_key))
    gone = exchange(http, tenant, room_id=room_id, participant=who)
    assert (gone.status_code, gone.json["error"]["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"participant": ADA}, "room_id"),
        ({"participant": {}, "room_id": ""}, "display_name"),
        ({"participant": {"id": "p_1", **ADA}, "room_id": ""}, "participant_id"),
        ({"participant": {"id": "p_1", "role": "host"}, "room_id": ""}, "participant_id"),
        ({"participant": {"role": "host"}, "room_id": ""}, "display_name"),
        ({"participant": {**ADA, "role": "owner"}, "room_id": ""}, "participant.role"),
        ({"participant": {**ADA, "name": "A"}, "room_id": ""}, "participant.name"),
        ({"participant": {**ADA, "<b>": "A"}, "room_id": ""}, "participant"),
        ({"participant": "Ada", "room_id": ""}, "participant"),
        ({"participant": ADA, "room_id": "", "scope": "participants:write"}, "scope"),
        ({"participant": ADA, "room_id": "", "scope": "offline_access"}, "scope"),
        ({"participant": ADA, "room_id": "", "expires_in": 3601}, "expires_in"),
        ({"participant": ADA, "room_id": "", "expires_in": 0}, "expires_in"),
        ({"scope": "everything"}, "scope"),
        ({"expires_in": 3601}, "expires_in"),
    ],
)
def test_what_is_asked_wrongly_is_named(http, tenant, room_id, asked, field):
    """
    CONTRACT 1: a participant without a room, or who is not one participant, is 400, and nobody is admitted.
    """
    answer = exchange(http, tenant, **(asked | ({"room_id": room_id} if "room_id" in asked else {})))

    assert (answer.status_code, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [detail["field"] for detail in answer.json["error"]["details"]] == [field]
    assert "<b>" not in answer.text
    assert http.get(people(room_id), headers=by(tenant.api_key)).json["data"] == []


def test_an_empty_room_is_no_room(http, tenant):
    """
    CONTRACT 3: a client whose variable for the room is empty gets no token for all the rooms of the tenant.
    """
    answers = [exchange(http, tenant, room_id="", **more) for more in ({}, {"participant": ADA})]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_only_keys_that_may_admit_give_participants_tokens(http, tools, tenant, room_id, admin_key):
    """
    B8: a foreign room and a foreign participant are 404, an operator's key is none, and the scope is wanted.
    """
    neighbour = a_tenant(tools)
    stranger = admitted(http, a_room(tools, neighbour), by(neighbour.api_key))["participant"]
    bare = a_key_holding("rooms:read", tenant, tools)

    answers = [
        exchange(http, neighbour, room_id=room_id, participant=ADA),
        exchange(http, tenant, room_id=room_id, participant={"id": stranger["id"]}),
        exchange(http, bare, room_id=room_id, participant=ADA),
        http.post(EXCHANGE, json={"api_key": admin_key, "room_id": room_id, "participant": ADA}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 403, 401]


def test_tokens_are_minted_anew_for_less_and_for_shorter(http, tenant, room_id):
    """
    CONTRACT 3, A14, C5: `scope` and `expires_in` narrow the session, and it stays as narrow however often it is
    refreshed; the other sessions of the participant go on.
    """
    first = admitted(http, room_id, by(tenant.api_key), role="host")
    path = people(room_id, first["participant"]["id"], "token")

    whole = http.post(path, headers=by(tenant.api_key)).json["data"]
    answer = http.post(path, json={"scope": "participants:read", "expires_in": 60}, headers=by(tenant.api_key))

    less = answer.json["data"]
    assert (answer.status_code, answer.headers["Cache-Control"], set(less)) == (200, "no-store", set(first))
    assert (whole["scope"], whole["expires_in"]) == (HOST, 3600)
    assert (less["scope"], less["expires_in"]) == ("participants:read", 60)
    for _ in range(2):
        assert reads(http, room_id, less["access_token"]) == 403
        assert http.get(people(room_id), headers=bearer(less["access_token"])).status_code == 200
        less = refreshed(http, less["refresh_token"]).json["data"]
        claims = claims_of(less["access_token"])
        assert (claims["scope"], claims["exp"] - claims["iat"], less["expires_in"]) == ("participants:read", 60, 60)
    assert reads(http, room_id, first["access_token"]) == 200


@pytest.mark.parametrize(
    "lives", [{}, {"PARTICIPANT_IDLE_SECONDS": "600", "PARTICIPANT_ABSOLUTE_SECONDS": "1500"}], ids=["usual", "set"]
)
def test_a_participants_session_ends_unused_and_in_the_end(make_app, tenant, room_id, clock, lives):
    """
    CONTRACT 5, C7: 24 hours without a refresh, 7 days with them, or as the settings say; no token outlives it.
    """
    http = make_app(**lives).test_client()
    idle, absolute = map(int, lives.values()) if lives else (86_400, 604_800)
    end = clock.now() + timedelta(seconds=absolute)
    unused, used = (admitted(http, room_id, by(tenant.api_key)) for _ in range(2))

    for _ in range(2):
        # The first time, it was never refreshed; the second time, once.
        for seconds in (1, idle - 2, 1):
            used = refreshed(http, used["refresh_token"]).json["data"]
            clock.step(seconds=seconds)
        assert refreshed(http, unused["refresh_token"]).status_code == 401
        assert introspected(http, tenant, unused["refresh_token"]) == {"active": False}
        unused = refreshed(http, admitted(http, room_id, by(tenant.api_key))["refresh_token"]).json["data"]
    while clock.now() + timedelta(seconds=idle) < end:
        clock.step(seconds=idle / 2)
        used = refreshed(http, used["refresh_token"]).json["data"]

    clock.step(seconds=(end - clock.now()).total_seconds() - 1)
    used = refreshed(http, used["refresh_token"]).json["data"]
    assert (used["expires_in"], reads(http, room_id, used["access_token"])) == (1, 200)
    clock.step(seconds=1)
    assert reads(http, room_id, used["access_token"]) == 401
    assert refreshed(http, used["refresh_token"]).status_code == 401


def test_the_tenant_sees_the_sessions_of_a_participant(http, tools, tenant, room_id, clock):
    """
    CONTRACT 3: GET /sessions with `participant_id` lists those of one, with the address and the agent of the last use.
    """
    first, other = (admitted(http, room_id, {**by(tenant.api_key), "User-Agent": "server"}) for _ in range(2))
    person, began = first["participant"]["id"], clock.now()
    second = http.post(people(room_id, person, "token"), headers=by(tenant.api_key)).json["data"]
    clock.step(minutes=5)
    body, agent = {"refresh_token": first["refresh_token"]}, {"User-Agent": "phone"}
    http.post("/api/v1/auth/refresh", json=body, headers=agent, environ_overrides={"REMOTE_ADDR": "198.51.100.7"})

    answer = http.get("/api/v1/sessions", query_string={"participant_id": person}, headers=by(tenant.api_key))

    sessions = answer.json["data"]
    assert [each["id"] for each in sessions] == [claims_of(each["access_token"])["sid"] for each in (first, second)]
    assert {each["participant_id"] for each in sessions} == {each["subject"] for each in sessions} == {person}
    assert (sessions[0]["last_address"], sessions[0]["last_agent"]) == ("198.51.100.7", "phone")
    assert (sessions[0]["room_id"], sessions[0]["scope"], sessions[0]["generation"]) == (room_id, PARTICIPANT, 2)
    assert sessions[1]["last_address"] == "127.0.0.1"
    assert sessions[1]["expires_at"] == rfc3339(began + timedelta(hours=24))
    assert other["access_token"] not in answer.text
    neighbour = a_tenant(tools)
    hidden = http.get("/api/v1/sessions", query_string={"participant_id": person}, headers=by(neighbour.api_key))
    assert hidden.json["data"] == []
    assert http.get(f"{ROOMS}/{room_id}", headers=bearer(first["access_token"])).status_code == 200
