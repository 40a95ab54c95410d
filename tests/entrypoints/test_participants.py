"""/rooms/{id}/participants: who may admit whom, into which room, and what their tokens are good for."""

import pytest

from app.foundation.clock import rfc3339
from tests.builders import a_key_holding, a_pair, a_room, a_tenant
from tests.forgery import claims_of
from tests.participants import HOST, PARTICIPANT, ROOMS, VIEWER, admitted, bearer, by, people, reads

NOT_FOUND = {"error": {"code": "NOT_FOUND", "message": "Not found"}}
ROOM_FULL = {"error": {"code": "ROOM_FULL", "message": "The room is full"}}
SCOPES = {"host": HOST, "participant": PARTICIPANT, "viewer": VIEWER}
CLAIMS = "iss aud sub client_id iat exp jti scope sid tenant_id key_id room_id participant_id role display_name"


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


@pytest.fixture(params=["key", "token"])
def caller(request, tools, tenant):
    """The headers of the tenant, by either credential."""
    return by(tenant.api_key) if request.param == "key" else bearer(a_pair(tools, tenant).access_token)


def every_request(http, room_id, participant_id, caller):
    """Send every request that there is about participants, the ones that end something last."""
    one = people(room_id, participant_id)
    return [
        http.get(people(room_id), headers=caller),
        http.get(one, headers=caller),
        http.post(people(room_id), json={"display_name": "Eve"}, headers=caller),
        http.post(people(room_id, "bulk"), json={"participants": [{"display_name": "Eve"}]}, headers=caller),
        http.post(f"{one}/token", headers=caller),
        http.patch(one, json={"display_name": "Eve"}, headers=caller),
        http.delete(one, headers=caller),
    ]


def test_an_admission_answers_the_participant_the_room_and_a_token_pair(http, tenant, room_id, caller, clock):
    """
    CONTRACT 3, A8: everything that a client needs to begin stands in one answer, which nobody may cache.
    """
    asked = {"display_name": "Ada", "external_user_id": "user 42", "role": "host"}

    answer = http.post(people(room_id), json=asked, headers=caller)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    data = answer.json["data"]
    participant = data["participant"]
    assert participant == {
        "id": participant["id"],
        "room_id": room_id,
        **asked,
        "active": True,
        "banned": False,
        "created_at": rfc3339(clock.now()),
        "removed_at": None,
    }
    assert participant["id"].startswith("p_")
    assert data["room"] == http.get(f"{ROOMS}/{room_id}", headers=by(tenant.api_key)).json["data"]
    assert (data["token_type"], data["expires_in"], data["scope"]) == ("Bearer", 3600, HOST)
    assert set(data) == {"access_token", "refresh_token", "token_type", "expires_in", "scope", "participant", "room"}
    assert http.get(people(room_id, participant["id"]), headers=caller).json["data"] == participant


def test_the_token_says_whose_it_is(http, tenant, room_id):
    """
    CONTRACT 4, B9, D7: `sub` is the participant, not the tenant; room, role and name stand beside it, and nothing else.
    """
    data = admitted(http, room_id, by(tenant.api_key), role="viewer")

    claims = claims_of(data["access_token"])

    participant_id = data["participant"]["id"]
    assert " ".join(claims) == CLAIMS
    assert (claims["sub"], claims["participant_id"]) == (participant_id, participant_id)
    assert (claims["client_id"], claims["tenant_id"], claims["room_id"]) == (tenant.id, tenant.id, room_id)
    assert (claims["role"], claims["display_name"], claims["scope"]) == ("viewer", "Ada", VIEWER)
    assert claims["key_id"] == f"key_{tenant.api_key[8:16]}"
    assert claims["exp"] - claims["iat"] == 3600


def test_the_same_external_id_is_the_same_participant(http, tools, tenant, room_id, caller):
    """
    CONTRACT 3: who is admitted again is who they were, by the name that is given now, and their sessions live on; the
    same id in another room, and nobody's id, are others.
    """
    first = admitted(http, room_id, caller, external_user_id="42")
    again = admitted(http, room_id, caller, external_user_id="42", display_name="Ada Lovelace")
    elsewhere = admitted(http, a_room(tools, tenant), caller, external_user_id="42")
    nameless = [admitted(http, room_id, caller) for _ in range(2)]

    assert again["participant"] == {**first["participant"], "display_name": "Ada Lovelace"}
    assert len({each["participant"]["id"] for each in (first, elsewhere, *nameless)}) == 4
    assert [reads(http, room_id, each["access_token"]) for each in (first, again)] == [200, 200]
    assert claims_of(first["access_token"])["sid"] != claims_of(again["access_token"])["sid"]


@pytest.mark.parametrize("role", SCOPES)
def test_a_role_is_a_scope(http, tenant, room_id, role):
    """
    CONTRACT 3, M: a viewer reads the room, a participant its participants too, a host writes them; no more.
    """
    guest = admitted(http, room_id, by(tenant.api_key))["participant"]["id"]
    data = admitted(http, room_id, by(tenant.api_key), role=role)
    own = bearer(data["access_token"])

    answers = every_request(http, room_id, guest, own)
    other = [http.post(ROOMS, json={"name": "Den"}, headers=own), http.post(f"{ROOMS}/{room_id}/end", headers=own)]

    assert data["scope"] == SCOPES[role]
    assert reads(http, room_id, data["access_token"]) == 200
    may_read, may_write = "participants:read" in data["scope"], "participants:write" in data["scope"]
    written = [201, 200, 200, 200, 200] if may_write else [403] * 5
    assert [answer.status_code for answer in answers + other] == [200 if may_read else 403] * 2 + written + [403] * 2
    for answer in (each for each in answers + other if each.status_code == 403):
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_the_scopes_of_roles_are_settings(make_app, tools, tenant, room_id):
    """
    CONTRACT 3: CHALK_HOST_SCOPE and its siblings say what a role may do; a host that may end its room opens no other.
    """
    settings = {"HOST_SCOPE": "rooms:read rooms:write", "PARTICIPANT_SCOPE": "rooms:read", "VIEWER_SCOPE": PARTICIPANT}
    http = make_app(**settings).test_client()

    pairs = {role: admitted(http, room_id, by(tenant.api_key), role=role) for role in SCOPES}

    assert [pair["scope"] for pair in pairs.values()] == list(settings.values())
    host = bearer(pairs["host"]["access_token"])
    assert http.post(ROOMS, json={"name": "Den"}, headers=host).status_code == 403
    assert http.post(f"{ROOMS}/{a_room(tools, tenant)}/end", headers=host).status_code == 404
    assert http.post(f"{ROOMS}/{room_id}/end", headers=host).status_code == 200


def test_a_participants_token_works_in_its_room_only(http, tools, tenant, room_id):
    """
    CONTRACT 4: every other room of the tenant is 404 for it, also where its own participants would be found.
    """
    other = a_room(tools, tenant)
    host = admitted(http, room_id, by(tenant.api_key), role="host")
    stranger = admitted(http, other, by(tenant.api_key))
    own, own_id = bearer(host["access_token"]), host["participant"]["id"]

    answers = every_request(http, other, stranger["participant"]["id"], own)
    answers += every_request(http, other, own_id, own)
    answers += every_request(http, room_id, stranger["participant"]["id"], own)[4:]
    answers.append(http.get(f"{ROOMS}/{other}", headers=own))

    assert [(answer.status_code, answer.json) for answer in answers] == [(404, NOT_FOUND)] * len(answers)
    assert [room["id"] for room in http.get(ROOMS, headers=own).json["data"]] == [room_id]
    assert reads(http, other, stranger["access_token"]) == 200


def test_a_host_admits_changes_and_removes_in_its_own_room(http, tenant, room_id):
    """
    CONTRACT 3: with its access token a host does to the others of its room what the tenant does with a key.
    """
    host = bearer(admitted(http, room_id, by(tenant.api_key), role="host")["access_token"])
    guest = admitted(http, room_id, host, external_user_id="42")

    answers = every_request(http, room_id, guest["participant"]["id"], host)

    assert [answer.status_code for answer in answers] == [200, 200, 201, 200, 200, 200, 200]
    assert reads(http, room_id, guest["access_token"]) == 401


def test_what_is_foreign_is_as_missing_as_nothing(http, tools, tenant, caller):
    """
    B8: a neighbour's room and participant, ids of no one and ids that are none, are the same 404 by every method.
    """
    neighbour, own = a_tenant(tools), a_room(tools, tenant)
    foreign = a_room(tools, neighbour)
    stranger = admitted(http, foreign, by(neighbour.api_key))
    stranger_id, nobody = stranger["participant"]["id"], "p_" + "0" * 26

    for room in (foreign, "room_" + "0" * 26, "x", own.upper()):
        answers = every_request(http, room, stranger_id, caller)
        assert [(answer.status_code, answer.json) for answer in answers] == [(404, NOT_FOUND)] * 7
    for each in (stranger_id, nobody, "x", nobody.replace("p_", "room_")):
        answers = every_request(http, own, each, caller)
        assert [answer.status_code for answer in answers] == [200, 404, 201, 200, 404, 404, 404]
    assert reads(http, foreign, stranger["access_token"]) == 200


def test_operators_and_keys_without_the_scope_admit_nobody(http, tools, tenant, room_id, admin_key):
    """
    CONTRACT 3: an operator has no rooms, a key does what its scopes say, and without a credential there is nothing.
    """
    person = admitted(http, room_id, by(tenant.api_key))["participant"]["id"]
    bare = a_key_holding("rooms:read rooms:write", tenant, tools)

    refused = {
        status: {answer.status_code for answer in every_request(http, room_id, person, headers)}
        for status, headers in (("operator", by(admin_key)), ("bare", by(bare.api_key)), ("nobody", {}))
    }

    assert refused == {"operator": {403}, "bare": {403}, "nobody": {401}}


def test_a_full_room_admits_nobody_more(http, tenant, room_id, caller):
    """
    CONTRACT 3: beyond `max_participants_per_room` it is 409 ROOM_FULL; who is in takes no second place, and who
    leaves gives theirs up.
    """
    http.patch(f"/api/v1/tenants/{tenant.id}", json={"max_participants_per_room": 2}, headers=by(tenant.api_key))
    first = admitted(http, room_id, caller, external_user_id="1")
    admitted(http, room_id, caller, external_user_id="2")

    full = http.post(people(room_id), json={"display_name": "Eve"}, headers=caller)
    again = http.post(people(room_id), json={"display_name": "A", "external_user_id": "1"}, headers=caller)
    http.delete(people(room_id, first["participant"]["id"]), headers=caller)
    freed = http.post(people(room_id), json={"display_name": "Eve"}, headers=caller)
    back = http.post(people(room_id), json={"display_name": "A", "external_user_id": "1"}, headers=caller)

    assert [answer.status_code for answer in (full, again, freed, back)] == [409, 201, 201, 409]
    assert [full.json, back.json] == [ROOM_FULL] * 2
