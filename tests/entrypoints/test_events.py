"""/tenants/{id}/events: what was done in a tenant's name, by whom and from where, the latest first, and no secret."""

import base64
import json

import pytest

from app.flows.forget_expired import forget_expired
from app.foundation.clock import rfc3339
from tests.builders import a_key_holding, a_pair, a_room, a_tenant
from tests.forgery import claims_of
from tests.participants import admitted, bearer, by, people, refreshed

ADDRESS = "198.51.100.7"


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


@pytest.fixture
def http(app):
    """A client at an address that no other test uses."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = ADDRESS
    return client


def path_of(tenant):
    return f"/api/v1/tenants/{tenant.id}/events"


def events(http, tenant, **asked):
    answer = http.get(path_of(tenant), query_string=asked, headers=by(tenant.api_key))
    assert answer.status_code == 200
    return answer.json["data"]


def told(http, tenant):
    """Give type, actor and data of every event of people and sessions, the first that happened first."""
    kinds = ("tenant.", "room.")
    found = reversed(events(http, tenant, limit=100))
    return [(each["type"], each["actor"], each["data"]) for each in found if not each["type"].startswith(kinds)]


def key_of(tenant):
    return f"key_{tenant.api_key[8:16]}"


def test_what_happens_to_participants_is_told_in_order(http, tenant, room_id):
    """
    CONTRACT 3: admitted, given another role, removed, banned, unbanned, admitted again: each once, with its actor;
    tokens, names and refused attempts are no events.
    """
    key = by(tenant.api_key)
    person = admitted(http, room_id, key, external_user_id="42", role="host")["participant"]["id"]
    one = people(room_id, person)
    admitted(http, room_id, key, external_user_id="42", display_name="Ada L.")
    assert http.post(f"{one}/token", headers=key).status_code == 200
    http.patch(one, json={"role": "viewer"}, headers=key)
    admitted(http, room_id, key, external_user_id="42", role="participant")
    for body in (None, None, {"ban": True}, {"ban": True}):
        http.delete(one, json=body, headers=key)
    http.post(people(room_id), json={"display_name": "Ada", "external_user_id": "42"}, headers=key)
    for _ in range(2):
        http.patch(one, json={"banned": False}, headers=key)
    admitted(http, room_id, key, external_user_id="42")

    names, actor = {"room_id": room_id, "participant_id": person}, key_of(tenant)
    assert told(http, tenant) == [
        ("participant.admitted", actor, {**names, "role": "host"}),
        ("participant.renamed", actor, names),
        ("participant.role_changed", actor, {**names, "role": "viewer", "role_before": "host"}),
        ("participant.role_changed", actor, {**names, "role": "participant", "role_before": "viewer"}),
        ("participant.removed", actor, names),
        ("participant.banned", actor, names),
        ("participant.unbanned", actor, names),
        ("participant.admitted", actor, {**names, "role": "participant"}),
    ]


def test_an_event_tells_who_from_where_and_in_which_request(http, tenant, tools, room_id, clock):
    """
    CONTRACT 3: the actor is the key, the session of a tenant's token, or the participant; address and request id are
    of the request, which the log has too.
    """
    by_session = a_pair(tools, tenant)
    callers = [by(tenant.api_key), bearer(by_session.access_token)]
    hosts = [
        admitted(http, room_id, {**each, "X-Request-Id": f"request-{n}"}, role="host") for n, each in enumerate(callers)
    ]
    clock.step(seconds=90)
    host, host_id = bearer(hosts[0]["access_token"]), hosts[0]["participant"]["id"]
    guest = admitted(http, room_id, {**host, "X-Request-Id": "request-2"})
    leaving = http.delete(people(room_id, guest["participant"]["id"]), headers=bearer(guest["access_token"]))

    last, *first = events(http, tenant, limit=4)

    assert last == {
        "id": last["id"],
        "type": "participant.removed",
        "created_at": rfc3339(clock.now()),
        "actor": guest["participant"]["id"],
        "address": ADDRESS,
        "request_id": leaving.headers["X-Request-Id"],
        "data": {"room_id": room_id, "participant_id": guest["participant"]["id"]},
    }
    assert last["id"].startswith("evt_")
    session = claims_of(by_session.access_token)["sid"]
    assert [each["actor"] for each in first] == [host_id, session, key_of(tenant)]
    assert [each["request_id"] for each in first] == ["request-2", "request-1", "request-0"]


def test_ended_sessions_are_told(http, tenant, tools):
    """
    CONTRACT 5: revoked by the tenant, by its client, by whoever held the token, and all of them: once each, though
    asked twice.
    """
    pairs = [a_pair(tools, tenant) for _ in range(5)]
    sids = [claims_of(pair.access_token)["sid"] for pair in pairs]
    basic = base64.b64encode(f"{tenant.id}:{tenant.api_key}".encode()).decode()
    client = {"Authorization": f"Basic {basic}"}
    for _ in range(2):
        http.delete(f"/api/v1/sessions/{sids[0]}", headers=by(tenant.api_key))
        http.post("/oauth/revoke", data={"token": pairs[1].access_token}, headers=client)
        http.post("/api/v1/auth/revoke", json={"refresh_token": pairs[2].refresh_token})
    http.post(f"{path_of(tenant).removesuffix('events')}revoke-sessions", headers=by(tenant.api_key))

    actor = key_of(tenant)
    assert told(http, tenant) == [
        ("session.revoked", actor, {"session_id": sids[0]}),
        ("session.revoked", actor, {"session_id": sids[1]}),
        ("session.revoked", None, {"session_id": sids[2]}),
        ("sessions.revoked", actor, {"sessions": 2}),
    ]


def test_a_spent_token_that_comes_back_is_told(http, tenant, room_id):
    """
    C2: reuse is recorded though it is refused: how far behind, from where, by nobody known; and once, not with every
    further attempt.
    """
    person = admitted(http, room_id, by(tenant.api_key))
    latest = person["refresh_token"]
    for _ in range(3):
        latest = refreshed(http, latest).json["data"]["refresh_token"]

    for _ in range(2):
        assert refreshed(http, person["refresh_token"]).status_code == 401

    (reuse,) = events(http, tenant, limit=1)
    assert (reuse["type"], reuse["actor"], reuse["address"]) == ("refresh.reuse_detected", None, ADDRESS)
    assert reuse["data"] == {"session_id": claims_of(person["access_token"])["sid"], "behind": 3}


def test_the_latest_come_first_over_pages_of_any_size(http, tenant, room_id, tools):
    """
    CONTRACT 3: each stands in one page, also while more happens; a cursor is of this tenant's events alone.
    """
    people_ids = [admitted(http, room_id, by(tenant.api_key))["participant"]["id"] for _ in range(5)]
    first = http.get(path_of(tenant), query_string={"limit": 2}, headers=by(tenant.api_key)).json
    admitted(http, room_id, by(tenant.api_key))

    found, cursor = first["data"], first["pagination"]["next_cursor"]
    foreign = a_tenant(tools)
    assert http.get(path_of(foreign), query_string={"cursor": cursor}, headers=by(foreign.api_key)).status_code == 400
    assert http.get("/api/v1/rooms", query_string={"cursor": cursor}, headers=by(tenant.api_key)).status_code == 400
    while cursor:
        page = http.get(path_of(tenant), query_string={"limit": 2, "cursor": cursor}, headers=by(tenant.api_key)).json
        found, cursor = found + page["data"], page["pagination"]["next_cursor"]

    *admissions, room, opened = found
    assert [each["data"]["participant_id"] for each in admissions] == people_ids[::-1]
    assert (room["type"], opened["type"]) == ("room.opened", "tenant.opened")
    assert [len(events(http, tenant, limit=limit)) for limit in (1, 6, 100)] == [1, 6, 8]


def test_events_are_the_tenants_own(http, tools, tenant, room_id, admin_key):
    """
    B8: a neighbour finds nothing there, an operator reads everybody's, and a key needs tenant:read; a token is none.
    """
    host = admitted(http, room_id, by(tenant.api_key), role="host")
    neighbour, bare = a_tenant(tools), a_key_holding("rooms:read participants:read", tenant, tools)
    reader = a_key_holding("tenant:read", tenant, tools)
    tried = [
        by(neighbour.api_key),
        by(bare.api_key),
        bearer(host["access_token"]),
        {},
        by(reader.api_key),
        by(admin_key),
    ]

    answers = [http.get(path_of(tenant), headers=headers) for headers in tried]

    assert [answer.status_code for answer in answers] == [404, 403, 401, 401, 200, 200]
    assert [len(answer.json["data"]) for answer in answers[4:]] == [3, 3]
    assert [each["type"] for each in events(http, neighbour)] == ["tenant.opened"]
    assert http.get("/api/v1/tenants/tenant_x/events", headers=by(admin_key)).status_code == 404


def test_no_secret_stands_in_an_event(http, tenant, room_id, clock):
    """
    B2: neither a key nor a token, nor what people are called, whatever was done with them.
    """
    person = admitted(
        http, room_id, by(tenant.api_key), external_user_id="ada@example.org", display_name="Ada Lovelace"
    )
    fresh = refreshed(http, person["refresh_token"]).json["data"]
    refreshed(http, person["refresh_token"])
    http.delete(people(room_id, person["participant"]["id"]), headers=by(tenant.api_key))

    text = json.dumps(events(http, tenant))

    assert text.count("evt_") == 5
    tokens = [pair[name] for pair in (person, fresh) for name in ("access_token", "refresh_token")]
    for secret in [tenant.api_key, tenant.api_key[17:], "ada@example.org", "Lovelace"]:
        assert secret not in text
    for token in tokens:
        assert not any(part in text for part in token.split("."))


def test_events_are_kept_for_a_year_or_as_set_and_then_forgotten(start, worker, clock):
    """
    CHALK_KEEP_EVENTS_DAYS: a day less and they are there, though their sessions are gone; then they are not.
    """
    for settings, days in (({}, 365), ({"KEEP_EVENTS_DAYS": "3"}, 3)):
        tools, http = worker(**settings), start(**settings).test_client()
        tenant = a_tenant(tools)
        admitted(http, a_room(tools, tenant), by(tenant.api_key))
        kept = []
        for seconds in (days * 86_400 - 1, 2):
            clock.step(seconds=seconds)
            while forget_expired(tools):
                pass
            kept.append(len(events(http, tenant)))
        assert kept == [3, 0]
