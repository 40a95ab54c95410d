"""The tokens and ids of one tenant are worth nothing to the client of another, wherever a body holds them."""

import functools

import pytest

from tests.adversary.endpoints import seen
from tests.adversary.tenancies import a_tenancy, bearer, by, missing_ids, rows_of
from tests.forgery import claims_of

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
EXCHANGE, REFRESH = "/api/v1/auth/token", "/api/v1/auth/refresh"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
API_KEY = "urn:chalk:params:oauth:token-type:api-key"
ALWAYS = {"X-Request-Id": "always-the-same"}


def tokens_of(tenancy):
    place = tenancy.first
    return {
        "access": tenancy.token,
        "refresh": tenancy.refresh_token,
        "room": place.room_token,
        "host": place.host_token,
        "host's refresh": place.host_refresh_token,
    }


def as_client(http, path, tenancy, **form):
    return http.post(path, data=form, auth=(tenancy.tenant.id, tenancy.tenant.api_key), headers=ALWAYS)


def exchange(http, client, subject, room_id, kind=ACCESS_TOKEN, **participant):
    whom = participant or {"display_name": "Eve"}
    asked = {"grant_type": TOKEN_EXCHANGE, "subject_token": subject, "subject_token_type": kind, "room_id": room_id}
    return as_client(http, TOKEN, client, **asked, **whom)


@pytest.fixture
def victim(http, tools):
    """Whoever is spied at."""
    return a_tenancy(http, tools)


@pytest.fixture
def other(http, tools):
    """Whoever spies."""
    return a_tenancy(http, tools)


def test_nobody_introspects_the_tokens_of_another(http, victim, other):
    """
    B8, H1, H2: a living token of another tenant is inactive to a client, like text that is none; to its own it lives.
    """
    nothing = as_client(http, INTROSPECT, other, token="nothing")
    assert nothing.json == {"active": False}

    for token in tokens_of(victim).values():
        assert seen(as_client(http, INTROSPECT, other, token=token)) == seen(nothing)
        assert as_client(http, INTROSPECT, victim, token=token).json["active"] is True


def test_nobody_revokes_the_tokens_of_another(http, tools, victim, other):
    """
    B8, G2: to revoke another tenant's token answers like to revoke nothing, and does nothing; its own client's does.
    """
    nothing = as_client(http, REVOKE, other, token="nothing")
    before = rows_of(victim, tools)
    assert nothing.status_code == 200

    for token in tokens_of(victim).values():
        assert seen(as_client(http, REVOKE, other, token=token)) == seen(nothing)
    assert rows_of(victim, tools) == before

    as_client(http, REVOKE, victim, token=victim.token)
    assert rows_of(victim, tools) != before


@pytest.mark.parametrize("more", [{}, {"scope": "rooms:read"}, {"scope": "x"}, {"resource": "http://127.0.0.1:8000"}])
def test_nobody_refreshes_with_the_token_of_another(http, tools, victim, other, more):
    """
    B8, C4: another tenant's refresh token is answered like text that is none, whatever is asked for beside; neither a
    fresh one nor a spent one is used up by it, nor its session ended.
    """
    spent = victim.refresh_token
    fresh = http.post(REFRESH, json={"refresh_token": spent}).json["data"]["refresh_token"]
    ask = functools.partial(as_client, http, TOKEN, other, grant_type="refresh_token", **more)
    nothing, before = ask(refresh_token="nothing"), rows_of(victim, tools)
    assert (nothing.status_code, nothing.json["error"]) == (400, "invalid_grant")

    for token in (fresh, victim.first.host_refresh_token, spent):
        assert seen(ask(refresh_token=token)) == seen(nothing)
    assert rows_of(victim, tools) == before

    assert http.post(REFRESH, json={"refresh_token": fresh}).status_code == 200


def test_nobody_exchanges_the_token_or_key_of_another(http, tools, victim, other):
    """
    B8, L: to a client, another tenant's token or key is no subject, for any room; with the owner's client it is.
    """
    nothing = exchange(http, other, "nothing", other.first.room_id)
    before = rows_of(victim, tools)
    assert (nothing.status_code, nothing.json["error"]) == (400, "invalid_request")

    for room_id in (victim.first.room_id, other.first.room_id):
        for token in tokens_of(victim).values():
            assert seen(exchange(http, other, token, room_id)) == seen(nothing)
        assert seen(exchange(http, other, victim.tenant.api_key, room_id, API_KEY)) == seen(nothing)
    assert rows_of(victim, tools) == before

    owners = [(victim.token, ACCESS_TOKEN), (victim.first.room_token, ACCESS_TOKEN), (victim.tenant.api_key, API_KEY)]
    for subject, kind in owners:
        assert exchange(http, victim, subject, victim.first.room_id, kind).status_code == 200


@pytest.mark.parametrize("whom", ["a newcomer", "their participant", "their participant in the victim's room"])
def test_nobody_exchanges_their_own_for_what_is_anothers(http, tools, victim, other, whom):
    """
    B8, L: with a good subject, a foreign room and a foreign participant are answered like missing ones.
    """
    before = rows_of(victim, tools)
    theirs, nothing = victim.ids(), missing_ids()
    subjects = [(other.token, ACCESS_TOKEN), (other.first.room_token, ACCESS_TOKEN), (other.tenant.api_key, API_KEY)]

    for subject, kind in subjects:
        if whom == "a newcomer":
            ways = [(ids["room_id"], {"display_name": "Eve"}) for ids in (theirs, nothing)]
        else:
            own = {} if "victim's room" in whom else {"room_id": other.first.room_id}
            asked = [ids | own for ids in (theirs, nothing)]
            ways = [(ids["room_id"], {"participant_id": ids["participant_id"]}) for ids in asked]
        foreign, missing = (exchange(http, other, subject, room_id, kind, **who) for room_id, who in ways)
        assert seen(foreign) == seen(missing)
        assert (foreign.status_code, foreign.json["error"]) == (400, "invalid_request")
    assert rows_of(victim, tools) == before


def test_no_token_for_one_room_is_exchanged_for_another(http, tools, victim):
    """
    B8, L: within one tenant too, a token for one room is answered alike for another room and for none; for its own it
    is exchanged.
    """
    before, subject = rows_of(victim, tools), victim.second.room_token
    whom = {"participant_id": victim.first.participant_id}

    for asked in ({}, whom):
        another, missing = (
            exchange(http, victim, subject, room_id, **asked)
            for room_id in (victim.first.room_id, missing_ids()["room_id"])
        )
        assert seen(another) == seen(missing)
        assert (another.status_code, another.json["error"]) == (400, "invalid_request")
    assert rows_of(victim, tools) == before

    assert exchange(http, victim, subject, victim.second.room_id).status_code == 200


@pytest.mark.parametrize("participant", [None, "new", "by id", "by id in one's own room"])
def test_no_key_is_exchanged_for_what_is_anothers(http, tools, victim, other, participant):
    """
    B8: at /auth/token too, a foreign room and a foreign participant are answered like missing ones.
    """
    before = rows_of(victim, tools)

    def ask(client, ids):
        body = {"api_key": client.tenant.api_key, "room_id": ids["room_id"]}
        if participant is not None:
            who = {"display_name": "Eve"} if participant == "new" else {"id": ids["participant_id"]}
            body["participant"] = who
        return http.post(EXCHANGE, json=body, headers=ALWAYS)

    own = {"room_id": other.first.room_id} if participant == "by id in one's own room" else {}
    foreign, missing = (ask(other, ids | own) for ids in (victim.ids(), missing_ids()))

    assert seen(foreign) == seen(missing)
    assert foreign.status_code == 404
    assert rows_of(victim, tools) == before
    assert ask(victim, victim.ids()).status_code == 200


def test_a_name_and_a_key_of_two_tenants_are_no_client(http, victim, other):
    """
    B8: neither tenant's id works with the key of the other, and both mixtures are answered like an unknown key.
    """
    form = {"grant_type": "client_credentials"}
    mixed = [(victim.tenant.id, other.tenant.api_key), (other.tenant.id, victim.tenant.api_key)]
    mixed += [(missing_ids()["tenant_id"], each.tenant.api_key) for each in (victim, other)]
    answers = [http.post(TOKEN, data=form, auth=auth, headers=ALWAYS) for auth in [(victim.tenant.id, "x"), *mixed]]

    assert {answer.status_code for answer in answers} == {401}
    assert all(seen(answer) == seen(answers[0]) for answer in answers)


@pytest.mark.parametrize("field", ["display_name", "external_user_id"])
@pytest.mark.parametrize("whose", ["the tenant's own", "another tenant's"])
def test_no_participant_is_called_like_a_client(http, victim, other, field, whose):
    """
    B9: a participant who is given the id of a tenant for a name has a `sub` of their own kind, in tokens and at
    introspection, and a tenant's client keeps its own; no rights come with the name.
    """
    name = (victim if whose == "the tenant's own" else other).tenant.id
    path = f"/api/v1/rooms/{victim.first.room_id}/participants"
    asked = {"display_name": "Eve", "role": "viewer"} | {field: name}
    admitted = http.post(path, json=asked, headers=by(victim.tenant.api_key)).json["data"]

    claims = claims_of(admitted["access_token"])
    told = as_client(http, INTROSPECT, victim, token=admitted["access_token"]).json
    of_tenant = claims_of(http.post(EXCHANGE, json={"api_key": victim.tenant.api_key}).json["data"]["access_token"])

    assert claims["sub"] == told["sub"] == claims["participant_id"] == admitted["participant"]["id"]
    assert claims["sub"].startswith("p_")
    assert of_tenant["sub"] == victim.tenant.id
    assert (claims["tenant_id"], claims["room_id"]) == (victim.tenant.id, victim.first.room_id)
    assert "participant_id" not in of_tenant
    answer = http.patch(
        f"/api/v1/rooms/{victim.first.room_id}", json={"name": "x"}, headers=bearer(admitted["access_token"])
    )
    assert answer.status_code == 403
