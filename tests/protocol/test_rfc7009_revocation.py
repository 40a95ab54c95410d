"""RFC 7009: a client ends what is its own, at once and for good, and learns nothing of what is not."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.adversary.races import lines_to
from tests.assertions import a_key, an_assertion, form, register
from tests.builders import Tenant, a_room, a_tenant, an_operator
from tests.servers import serve

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
KINDS = ["access_token", "refresh_token"]


def pair_of(http, tenant):
    """A pair of the tenant's client."""
    asked = {"grant_type": "client_credentials", "scope": "rooms:read offline_access"}
    return http.post(TOKEN, data=asked, auth=(tenant.id, tenant.api_key)).json


def next_of(http, tenant, pair):
    asked = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    return http.post(TOKEN, data=asked, auth=(tenant.id, tenant.api_key))


def revoke(http, tenant, token, **more):
    return http.post(REVOKE, data={"token": token, **more}, auth=(tenant.id, tenant.api_key))


def active(http, tenant, token):
    answer = http.post(INTROSPECT, data={"token": token}, auth=(tenant.id, tenant.api_key))
    assert answer.status_code == 200
    return answer.json["active"]


def reads(http, token, room_id):
    """Tell with which status a token reads a room."""
    return http.get(f"/api/v1/rooms/{room_id}", headers={"Authorization": f"Bearer {token}"}).status_code


def assert_says_nothing(answer):
    assert (answer.status_code, answer.json) == (200, {})
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_whichever_token_is_revoked_the_whole_session_is_over(http, tools, tenant, kind, which):
    """
    G6, G7, C2: after the 200 for any token of it, spent or not, nothing of the session is active, refreshes, or reads
    a room.
    """
    room_id, pairs = a_room(tools, tenant), [pair_of(http, tenant)]
    for _ in range(2):
        pairs.append(next_of(http, tenant, pairs[-1]).json)
    assert [reads(http, pair["access_token"], room_id) for pair in pairs] == [200] * 3

    assert_says_nothing(revoke(http, tenant, pairs[which][kind]))

    for pair in pairs:
        assert not any(active(http, tenant, pair[each]) for each in KINDS)
        assert reads(http, pair["access_token"], room_id) == 401
        refused = next_of(http, tenant, pair)
        assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")


def test_a_token_without_refresh_is_revoked_too(http, tools, tenant):
    """
    G7: an access token that came alone is ended by being revoked itself.
    """
    room_id = a_room(tools, tenant)
    asked = {"grant_type": "client_credentials"}
    token, other = (http.post(TOKEN, data=asked, auth=(tenant.id, tenant.api_key)).json["access_token"] for _ in "12")

    assert_says_nothing(revoke(http, tenant, token))

    assert (reads(http, token, room_id), active(http, tenant, token)) == (401, False)
    assert (reads(http, other, room_id), active(http, tenant, other)) == (200, True)


def test_other_sessions_of_the_client_live_on(http, tenant):
    """
    RFC 7009 section 2.1: one session ends, not all that its client has.
    """
    ended, other = pair_of(http, tenant), pair_of(http, tenant)

    revoke(http, tenant, ended["refresh_token"])

    assert all(active(http, tenant, other[kind]) for kind in KINDS)
    assert next_of(http, tenant, other).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_another_clients_token_is_untouched_and_nothing_tells(http, tools, tenant, kind):
    """
    G2, B8: for a neighbour or an operator our token is like an unknown one: 200, nothing happens.
    """
    pair, neighbour, operator = pair_of(http, tenant), a_tenant(tools), an_operator(tools)
    strangers = [neighbour, Tenant("key_" + operator.split("_")[2], operator)]

    for stranger in strangers:
        theirs, unknown = (revoke(http, stranger, token) for token in (pair[kind], "unknown"))
        assert_says_nothing(theirs)
        assert theirs.data == unknown.data
        assert {name for name, _ in theirs.headers} == {name for name, _ in unknown.headers}

    assert all(active(http, tenant, pair[each]) for each in KINDS)
    assert next_of(http, tenant, pair).status_code == 200


@pytest.mark.parametrize("token", ["unknown", "a.b.c", "\0", "ä", " ", "x" * 50_000, "sk_live_7Hq2Zt9B_x"])
def test_an_unknown_token_is_no_error(http, tenant, token):
    """
    G3: whatever is presented, the answer is 200.
    """
    assert_says_nothing(revoke(http, tenant, token))


def test_what_is_no_longer_a_token_is_no_error(http, tenant, clock):
    """
    G3: an expired, a revoked and a misspelt token are 200 as well.
    """
    pair = pair_of(http, tenant)
    for token in (pair["refresh_token"], pair["refresh_token"], pair["access_token"], pair["refresh_token"][:-1]):
        assert_says_nothing(revoke(http, tenant, token))

    clock.step(days=100)
    for kind in KINDS:
        assert_says_nothing(revoke(http, tenant, pair[kind]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hint", [*KINDS, "id_token", "x", "", "\0"])
def test_a_hint_never_changes_the_result(http, tenant, kind, hint):
    """
    G4: right, wrong, unknown or empty, the hint is only a hint.
    """
    pair = pair_of(http, tenant)

    assert_says_nothing(revoke(http, tenant, pair[kind], token_type_hint=hint))

    assert not any(active(http, tenant, pair[each]) for each in KINDS)


# Of the contract: well written, and nobody's.
KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
# How somebody presents themselves who is no client: what is sent, and what stands in the form.
STRANGERS: dict[str, Callable[[Tenant, str], tuple[dict[str, Any], dict[str, str]]]] = {
    "nobody": lambda tenant, token: ({}, {}),
    "a wrong secret": lambda tenant, token: ({"auth": (tenant.id, KEY)}, {}),
    "a wrong id": lambda tenant, token: ({"auth": ("tenant_01h455vb4pex5vsknk084sn02q", tenant.api_key)}, {}),
    "the token itself": lambda tenant, token: ({"headers": {"Authorization": f"Bearer {token}"}}, {}),
    "an API key": lambda tenant, token: ({"headers": {"X-API-Key": tenant.api_key}}, {}),
    "an id alone": lambda tenant, token: ({}, {"client_id": tenant.id}),
    "a query": lambda tenant, token: (
        {"query_string": {"client_id": tenant.id, "client_secret": tenant.api_key}},
        {},
    ),
    "no assertion": lambda tenant, token: ({}, {"client_id": tenant.id, "client_assertion": "x"}),
}


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
def test_the_client_is_authenticated_first(http, tenant, path, who):
    """
    G1, H1: without a right credential it is 401, whether a token is there, what it is and whatever is missing.
    """
    pair = pair_of(http, tenant)
    sent, fields = STRANGERS[who](tenant, pair["access_token"])

    for body in ({}, {"token": ""}, {"token": "x"}, {"token": pair["refresh_token"]}):
        answer = http.post(path, data={**fields, **body}, content_type="application/x-www-form-urlencoded", **sent)
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert all(active(http, tenant, pair[kind]) for kind in KINDS)


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
@pytest.mark.parametrize("body", ["", "token=", "x=y", "token=a&token=b"])
def test_a_client_must_say_which_token(http, tenant, path, body):
    """
    RFC 7009 section 2.1, RFC 7662 section 2.1: `token` is required, once, and in the body, not in the query.
    """
    sent = {"content_type": "application/x-www-form-urlencoded", "query_string": {"token": "x"}}

    answer = http.post(path, data=body, auth=(tenant.id, tenant.api_key), **sent)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_an_assertion_revokes(http, tenant, clock):
    """
    G1: private_key_jwt authenticates here as everywhere.
    """
    pair, key = pair_of(http, tenant), a_key()
    register(http, tenant, key)

    def sign():
        return an_assertion(key, tenant.id, clock.now())

    assert_says_nothing(http.post(REVOKE, data=form(sign(), token=pair["refresh_token"])))

    assert http.post(INTROSPECT, data=form(sign(), token=pair["access_token"])).json == {"active": False}


def test_a_suspended_client_may_not_act(http, tenant, admin_key):
    """
    B10: the operator has ended its sessions already; its own requests are unauthorized_client.
    """
    pair = pair_of(http, tenant)
    http.patch(f"/api/v1/tenants/{tenant.id}", json={"status": "suspended"}, headers={"X-API-Key": admin_key})

    for path in (REVOKE, INTROSPECT):
        answer = http.post(path, data={"token": pair["refresh_token"]}, auth=(tenant.id, tenant.api_key))
        assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")


def test_a_revocation_is_in_force_on_every_worker(database_url, tenant):
    """
    G6: right after the 200 no worker of four calls the session's tokens active.
    """
    client = {"client_id": tenant.id, "client_secret": tenant.api_key}
    asked = {"grant_type": "client_credentials", "scope": "rooms:read offline_access", **client}
    with serve(database_url, workers=4) as server, lines_to(server, 12) as lines:
        for kind in KINDS * 3:
            pair = lines[0].send(TOKEN, form=asked).body
            questions = [(line, {"token": pair[each], **client}) for line in lines for each in KINDS]
            assert all(line.send(INTROSPECT, form=question).body["active"] for line, question in questions)

            assert lines[0].send(REVOKE, form={"token": pair[kind], **client}).body == {}

            assert not any(line.send(INTROSPECT, form=question).body["active"] for line, question in questions)
