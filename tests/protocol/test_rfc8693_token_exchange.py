"""RFC 8693: a tenant's access token or key goes in; a participant's token for one room comes out, narrower in all."""

import pytest

from tests.assertions import a_key, an_assertion, form, register
from tests.builders import a_room, a_tenant
from tests.exchanging import ACCESS, API_KEY, GRANT, TOKEN, Desk, asked, assert_is_refused, exchange, granted, token_of
from tests.forgery import claims_of

HOST, PARTICIPANT = "rooms:read participants:read participants:write", "rooms:read participants:read"
ROOMS, BILLING = "https://api.example/rooms", "https://billing.example"


@pytest.fixture(scope="module")
def application(make_app):
    """The application with two audiences; the first is that of our own API."""
    return make_app(AUDIENCES=f"{ROOMS},{BILLING}")


@pytest.fixture
def desk(http, tools, tenant):
    """The tenant's client, and a room of it."""
    return Desk(http, tools, tenant, a_room(tools, tenant))


@pytest.mark.parametrize("kind", [ACCESS, API_KEY])
def test_a_participants_token_comes_out(desk, kind):
    """
    L, A8: 200 JSON, not to be stored, with issued_token_type, numeric expires_in, the scope that was granted, and no
    refresh token (RFC 8693 s2.2.1); the token is of the tenant's client, and about the participant.
    """
    subject = desk.subject() if kind == ACCESS else desk.tenant.api_key

    answer = desk.exchange(subject)

    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    access = answer.json["access_token"]
    assert answer.json == {
        "access_token": access, "issued_token_type": ACCESS, "token_type": "Bearer", "expires_in": 3600, "scope": HOST,
    }  # fmt: skip
    claims = claims_of(access)
    participant_id = claims["participant_id"]
    assert participant_id.startswith("p_")
    assert claims == {
        "iss": "http://127.0.0.1:8000", "aud": ROOMS, "sub": participant_id, "client_id": desk.tenant.id, "scope": HOST,
        "iat": claims["iat"], "exp": claims["iat"] + 3600, "jti": claims["jti"], "sid": claims["sid"],
        "tenant_id": desk.tenant.id, "key_id": "key_" + desk.tenant.api_key.split("_")[2],
        "room_id": desk.room_id, "participant_id": participant_id, "role": "host", "display_name": "Ada",
    }  # fmt: skip


def test_the_token_is_good_for_its_room_and_for_no_other(desk):
    """
    L, D8: our own resources take it, with its scope and in its room alone; introspection says what it says.
    """
    token = token_of(desk.exchange(desk.subject()))
    told = desk.http.post("/oauth/introspect", data={"token": token}, auth=desk.auth).json
    bearer = {"Authorization": f"Bearer {token}"}

    assert told == {"active": True, "token_type": "Bearer", **claims_of(token)}
    assert desk.reads(token) == 200
    assert desk.reads(token, a_room(desk.tools, desk.tenant)) == 404
    assert desk.http.get(f"/api/v1/rooms/{desk.room_id}/participants", headers=bearer).status_code == 200
    assert desk.http.post(f"/api/v1/rooms/{desk.room_id}/end", headers=bearer).status_code == 403


def test_each_token_is_a_new_one_of_a_session_of_its_own(desk):
    """
    D6, L: two exchanges of one subject differ in `jti` and `sid` from each other and from it; the subject stays good.
    """
    subject = desk.subject()

    tokens = [subject, *(token_of(desk.exchange(subject)) for _ in range(2))]

    for name in ("jti", "sid"):
        assert len({claims_of(token)[name] for token in tokens}) == 3
    assert all(desk.is_active(token) for token in tokens)


@pytest.mark.parametrize("method", ["basic", "post", "private_key_jwt"])
def test_a_client_authenticates_in_each_of_its_ways(desk, clock, method):
    """
    CONTRACT 6: by Basic, by secret in the form, or by assertion.
    """
    sent = asked(desk.subject(), desk.room_id)
    if method == "private_key_jwt":
        key = a_key()
        register(desk.http, desk.tenant, key)
        answer = desk.http.post(TOKEN, data={**form(an_assertion(key, desk.tenant.id, clock.now())), **sent})
    elif method == "post":
        answer = desk.http.post(TOKEN, data={**sent, "client_id": desk.tenant.id, "client_secret": desk.tenant.api_key})
    else:
        answer = desk.http.post(TOKEN, data=sent, auth=desk.auth)

    assert granted(answer)["room_id"] == desk.room_id


def test_who_is_in_the_room_is_named_by_id(desk):
    """
    L: `participant_id` gives tokens for somebody who was admitted before, with their own role and name.
    """
    first = granted(desk.exchange(desk.tenant.api_key, display_name="Grace", role="viewer"))

    named = {"participant_id": first["participant_id"], "display_name": None, "role": None}
    again = granted(desk.exchange(desk.subject(), **named))

    said = ("sub", "participant_id", "role", "display_name", "scope", "room_id")
    assert [again[name] for name in said] == [first[name] for name in said]
    assert again["scope"] == "rooms:read"


@pytest.mark.parametrize("beside", [{"display_name": "Ada"}, {"role": "host"}, {"external_user_id": "user-1"}])
def test_who_is_named_by_id_is_not_described_as_well(desk, beside):
    """
    L: beside a good `participant_id` nothing may stand that would admit, rename or promote somebody.
    """
    guest = granted(desk.exchange(desk.tenant.api_key, role="viewer"))["participant_id"]

    named = {"participant_id": guest, "display_name": None, "role": None, **beside}

    assert_is_refused(desk.exchange(desk.subject(), **named), "invalid_request")


def test_the_tenants_own_id_is_one_participant(desk):
    """
    L: with `external_user_id` the same person is admitted once; without a role they get the usual one, and keep it.
    """
    once, again, other = (
        granted(desk.exchange(desk.subject(), role=None, external_user_id=user))
        for user in ("user-1", "user-1", "user-2")
    )

    assert once["participant_id"] == again["participant_id"] != other["participant_id"]
    assert {each["role"] for each in (once, again, other)} == {"participant"}
    assert once["scope"] == PARTICIPANT


def test_the_subjects_session_stands_in_the_audit_log(desk):
    """
    L: who was admitted, and by the authority of which token or key, is written down.
    """
    subject = desk.subject()
    first, second = (granted(desk.exchange(each)) for each in (subject, desk.tenant.api_key))

    events = desk.http.get(f"/api/v1/tenants/{desk.tenant.id}/events", headers=desk.by_key).json["data"]

    assert [(each["type"], each["actor"], each["data"]["participant_id"]) for each in events[:2]] == [
        ("participant.admitted", second["key_id"], second["participant_id"]),
        ("participant.admitted", claims_of(subject)["sid"], first["participant_id"]),
    ]


def test_an_exchange_lends_no_other_tenants_rooms(http, tools, tenant):
    """
    B8, L: a neighbour's room, and one of its participants in our room, are told as those that there are not.
    """
    neighbour = a_tenant(tools)
    theirs, ours = a_room(tools, neighbour), a_room(tools, tenant)
    guest = granted(exchange(http, neighbour, neighbour.api_key, theirs))["participant_id"]
    named = {"participant_id": guest, "display_name": None, "role": None}
    gone = {**named, "participant_id": "p_" + theirs.removeprefix("room_")}

    refused = [
        exchange(http, tenant, tenant.api_key, theirs),
        exchange(http, tenant, tenant.api_key, theirs, **named),
        exchange(http, tenant, tenant.api_key, ours, **named),
        exchange(http, tenant, tenant.api_key, ours, **gone),
        exchange(http, tenant, tenant.api_key, "room_" + guest.removeprefix("p_")),
    ]

    for answer in refused:
        assert_is_refused(answer, "invalid_request")
    assert len({answer.data for answer in refused}) == 1


def test_the_published_form_is_the_one_that_is_taken(desk):
    """
    L, F2: /openapi.json names each parameter of an exchange; what it requires is required, what it lists works.
    """
    document = desk.http.get("/openapi.json").json
    forms = document["paths"]["/oauth/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    name = forms["schema"]["discriminator"]["mapping"][GRANT].rpartition("/")[2]
    described = document["components"]["schemas"][name]
    properties, required = described["properties"], set(described["required"])
    client = {"client_id", "client_secret", "client_assertion_type", "client_assertion"}
    person = {"participant_id", "display_name", "external_user_id", "role"}

    assert set(properties) - client - person == {
        *("grant_type", "subject_token", "subject_token_type", "room_id"),
        *("requested_token_type", "scope", "resource", "audience"),
    }
    assert client | person < set(properties)
    assert required == {"grant_type", "subject_token", "subject_token_type", "room_id"}
    for each in required:
        assert_is_refused(desk.exchange(desk.subject(), **{each: None}), "invalid_request")
    assert set(properties["subject_token_type"]["enum"]) == {ACCESS, API_KEY}
    assert properties["requested_token_type"]["enum"] == [ACCESS]
    for role in properties["role"]["enum"]:
        taken = desk.exchange(desk.subject(), role=role, requested_token_type=ACCESS)
        assert granted(taken)["role"] == role
