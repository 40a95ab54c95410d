"""RFC 8693 section 2.2.2: a request that is not as it must be is refused by the book, and costs nothing."""

from urllib.parse import urlencode

import pytest

from app.flows.issue_resource_server_key import issue_resource_server_key
from tests.assertions import ASSERTION_TYPE, a_key, an_assertion
from tests.builders import Tenant, a_room, a_tenant
from tests.exchanging import ACCESS, OF_RFC, TOKEN, Desk, asked, assert_is_refused, exchange, granted
from tests.guessers import id_of

FORM = "application/x-www-form-urlencoded"
LONG = "x" * 10_000
# What is changed in a good request, None for left out, and how it is refused.
WRONG = [
    ({"subject_token": None}, "invalid_request"),
    ({"subject_token_type": None}, "invalid_request"),
    ({"room_id": None}, "invalid_request"),
    ({"display_name": None}, "invalid_request"),
    ({"display_name": None, "external_user_id": "user-1"}, "invalid_request"),
    ({"display_name": "x" * 201}, "invalid_request"),
    ({"display_name": "a\nb"}, "invalid_request"),
    ({"external_user_id": "x" * 256}, "invalid_request"),
    ({"external_user_id": "a\0b"}, "invalid_request"),
    ({"role": "admin"}, "invalid_request"),
    ({"role": "Host"}, "invalid_request"),
    ({"participant_id": "p_01h455vb4pex5vsknk084sn02q"}, "invalid_request"),
    ({"participant_id": "p_01h455vb4pex5vsknk084sn02q", "display_name": None, "role": None}, "invalid_request"),
    ({"participant_id": "x", "display_name": None, "role": None}, "invalid_request"),
    ({"room_id": "x"}, "invalid_request"),
    ({"room_id": "room_01h455vb4pex5vsknk084sn02q"}, "invalid_request"),
    ({"requested_token_type": f"{OF_RFC}refresh_token"}, "invalid_request"),
    ({"requested_token_type": f"{OF_RFC}jwt"}, "invalid_request"),
    ({"requested_token_type": "x"}, "invalid_request"),
    ({"actor_token": "x"}, "invalid_request"),
    ({"actor_token_type": ACCESS}, "invalid_request"),
    ({"actor_token": "x", "actor_token_type": ACCESS}, "invalid_request"),
    ({"scope": "rooms:write"}, "invalid_scope"),
    ({"scope": "openid"}, "invalid_scope"),
    ({"scope": LONG}, "invalid_scope"),
    ({"audience": "https://other.example"}, "invalid_target"),
    ({"resource": "https://other.example"}, "invalid_target"),
    ({"audience": LONG}, "invalid_target"),
    ({"grant_type": "token-exchange"}, "unsupported_grant_type"),
    ({"grant_type": "URN:ietf:params:oauth:grant-type:token-exchange"}, "unsupported_grant_type"),
]
SINGLE = [
    *("grant_type", "subject_token", "subject_token_type", "room_id", "display_name", "role", "scope", "unknown"),
    *("participant_id", "external_user_id", "requested_token_type", "actor_token", "client_id"),
]


@pytest.fixture
def desk(http, tools, tenant):
    """The tenant's client, and a room of it."""
    return Desk(http, tools, tenant, a_room(tools, tenant))


def assert_is_no_client(answer):
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(("changes", "code"), WRONG, ids=lambda each: str(each)[:60])
def test_a_wrong_request_is_refused_and_costs_nothing(desk, changes, code):
    """
    L, A9: with 400 and a code of the closed list, for a token as for a key; no participant, session or event is left.
    """
    for subject in desk.subjects():
        before = desk.left_behind()

        assert_is_refused(desk.exchange(subject, **changes), code)

        assert desk.left_behind() == before


def end(desk, _guest):
    assert desk.http.post(f"/api/v1/rooms/{desk.room_id}/end", headers=desk.by_key).status_code == 200


def fill(desk, _guest):
    change = {"json": {"max_participants_per_room": 1}, "headers": desk.by_key}
    assert desk.http.patch(f"/api/v1/tenants/{desk.tenant.id}", **change).status_code == 200


def remove(desk, guest, **body):
    path = f"/api/v1/rooms/{desk.room_id}/participants/{guest}"
    assert desk.http.delete(path, json=body, headers=desk.by_key).status_code == 200


def ban(desk, guest):
    remove(desk, guest, ban=True)


@pytest.mark.parametrize(
    ("happens", "named"), [(end, False), (end, True), (fill, False), (remove, True), (ban, True), (ban, False)]
)
def test_what_the_room_does_not_allow_is_an_invalid_grant(desk, happens, named):
    """
    L, B10: an ended or full room, and a participant who was removed or banned, by id or admitted anew, are 400, not
    404, 403 or 409; nobody comes in.
    """
    first = granted(desk.exchange(desk.tenant.api_key, external_user_id="user-1"))
    guest, subject = first["participant_id"], desk.subject()
    happens(desk, guest)
    before = desk.left_behind()
    by_id = {"participant_id": guest, "display_name": None, "role": None}
    anew = {"external_user_id": None if happens is fill else "user-1"}

    for each in (subject, desk.tenant.api_key):
        assert_is_refused(desk.exchange(each, **(by_id if named else anew)), "invalid_grant")

    assert desk.left_behind() == before


@pytest.mark.parametrize("name", SINGLE)
def test_a_parameter_sent_twice_is_refused(desk, name):
    """
    A3: also one that is empty once, or that nobody knows; `audience` and `resource` may repeat.
    """
    sent = asked(desk.tenant.api_key, desk.room_id)
    value = sent.get(name, "x")

    for second in (value, ""):
        body = urlencode([*sent.items(), *([] if name in sent else [(name, value)]), (name, second)])
        answer = desk.http.post(TOKEN, data=body, content_type=FORM, auth=desk.auth)

        assert_is_refused(answer, "invalid_request")


@pytest.mark.parametrize("name", ["subject_token", "subject_token_type", "room_id", "display_name"])
def test_what_is_required_and_empty_is_missing(desk, name):
    """
    A4: an empty value counts as absent, and so is refused where it must be there.
    """
    assert_is_refused(desk.exchange(desk.subject(), **{name: ""}), "invalid_request")


def test_what_may_be_left_out_may_be_empty(desk):
    """
    A4: empty values ask for nothing, and no actor acts; unknown parameters change nothing.
    """
    names = ["participant_id", "external_user_id", "role", "scope", "audience", "resource", "requested_token_type"]
    empty = dict.fromkeys([*names, "actor_token", "actor_token_type", "client_secret", "client_assertion"], "")

    claims = granted(desk.exchange(desk.subject(), **empty, expires_in="1", may_act="x"))

    assert (claims["role"], claims["scope"]) == ("participant", "rooms:read participants:read")
    assert claims["exp"] - claims["iat"] == 3600
    assert "act" not in claims


def test_the_query_is_not_read(desk):
    """
    A2: a subject in the query string is none, and cannot take the place of the one in the form.
    """
    sent = asked(desk.subject(), desk.room_id)
    auth = desk.auth
    without = {name: value for name, value in sent.items() if name != "subject_token"}

    assert_is_refused(desk.http.post(TOKEN, query_string=sent, data=without, auth=auth), "invalid_request")
    both = desk.http.post(TOKEN, query_string={**sent, "role": "viewer"}, data=sent, auth=auth)
    assert granted(both)["role"] == "host"


def test_a_client_authenticates_in_one_way(desk, clock):
    """
    A5: a second way beside Basic is invalid_request, and so are two in the form; a subject that is a key is none.
    """
    subject = desk.tenant.api_key
    two = {
        "client_assertion": an_assertion(a_key(), desk.tenant.id, clock.now()),
        "client_assertion_type": ASSERTION_TYPE,
    }
    secret = {"client_id": desk.tenant.id, "client_secret": desk.tenant.api_key}

    for extra in (secret, two, {**secret, **two}):
        assert_is_refused(desk.exchange(subject, **extra), "invalid_request")
    both = asked(subject, desk.room_id, **secret, **two)
    assert_is_refused(desk.http.post(TOKEN, data=both), "invalid_request")
    assert desk.exchange(subject, client_id=desk.tenant.id).status_code == 200


def test_the_subject_does_not_authenticate_its_client(desk):
    """
    A7, L: without authentication, with a wrong secret, or as another tenant, nothing is exchanged; a key in the form
    as the subject is no secret.
    """
    before, other = desk.left_behind(), a_tenant(desk.tools)
    for subject in desk.subjects():
        sent = asked(subject, desk.room_id)
        assert_is_no_client(desk.http.post(TOKEN, data=sent))
        assert_is_no_client(desk.http.post(TOKEN, data={**sent, "client_id": desk.tenant.id}))
        assert_is_no_client(desk.http.post(TOKEN, data=sent, auth=(desk.tenant.id, other.api_key)))
        assert_is_no_client(desk.http.post(TOKEN, data=sent, auth=(other.id, desk.tenant.api_key)))
        assert_is_no_client(desk.http.post(TOKEN, data=sent, headers={"Authorization": f"Bearer {subject}"}))
        assert_is_refused(exchange(desk.http, other, subject, desk.room_id), "invalid_request")

    assert desk.left_behind()["participants"] == before["participants"]


def test_who_has_no_tenant_exchanges_nothing(desk, admin_key):
    """
    A11, L: operators and resource servers are clients without tokens: unauthorized_client.
    """
    server = issue_resource_server_key("http://127.0.0.1:8000", desk.tools).text
    for key in (admin_key, server):
        client = Tenant("key_" + id_of(Tenant("", key)), key)
        for subject in (desk.subject(), desk.tenant.api_key, key):
            assert_is_refused(exchange(desk.http, client, subject, desk.room_id), "unauthorized_client")


@pytest.mark.parametrize("name", [*asked("x", "y"), "participant_id", "external_user_id", "scope", "audience"])
def test_nothing_of_the_request_is_told_back(desk, name):
    """
    A9: whatever is wrong, the answer is made of our words.
    """
    marker = "zq7Marker"

    answer = desk.exchange(desk.subject(), **{name: f"{marker}\n<b>"})

    assert answer.status_code == 400
    assert marker.lower() not in (answer.text + str(answer.headers)).lower()
