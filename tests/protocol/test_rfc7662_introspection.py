"""RFC 7662: who may ask about a token learns what it says while it is alive; everyone else learns two words."""

import pytest

from tests.assertions import ISSUER, a_key, an_assertion
from tests.builders import Tenant, a_room, a_tenant, an_operator
from tests.forgery import claims_of

TOKEN, INTROSPECT = "/oauth/token", "/oauth/introspect"
INACTIVE = {"active": False}


def pair_of(http, tenant, **more):
    asked = {"grant_type": "client_credentials", "scope": "rooms:read offline_access", **more}
    answer = http.post(TOKEN, data=asked, auth=(tenant.id, tenant.api_key))
    assert answer.status_code == 200, answer.text
    return answer.json


def introspect(http, caller, token, *, by="basic", **more):
    data = {"token": token, **more}
    if by == "post":
        answer = http.post(INTROSPECT, data={**data, "client_id": caller.id, "client_secret": caller.api_key})
    else:
        answer = http.post(INTROSPECT, data=data, auth=(caller.id, caller.api_key))
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json


@pytest.mark.parametrize("by", ["basic", "post"])
def test_a_client_reads_its_own_access_token(http, tenant, by):
    """
    H1, H3: a living access token is told claim by claim as it is signed, with `active` and its type.
    """
    token = pair_of(http, tenant)["access_token"]

    assert introspect(http, tenant, token, by=by) == {"active": True, "token_type": "Bearer", **claims_of(token)}


def test_a_client_reads_its_own_refresh_token(http, tenant, clock):
    """
    H1: a living refresh token tells whose it is, what for and until when; and no kind that it could be taken for.
    """
    pair = pair_of(http, tenant)

    told = introspect(http, tenant, pair["refresh_token"])

    seconds = int(clock.now().timestamp())
    assert told == {
        "active": True,
        "iss": ISSUER,
        "client_id": tenant.id,
        "sub": tenant.id,
        "scope": "rooms:read offline_access",
        "sid": claims_of(pair["access_token"])["sid"],
        "iat": seconds,
        "exp": seconds + 30 * 86_400,
    }


def test_a_token_by_possession_is_read_by_its_client(http, tools, tenant):
    """
    CONTRACT 6: tokens of Chalk JSON are the same tokens; one that is confined to a room names it.
    """
    room_id = a_room(tools, tenant)
    asked = {"api_key": tenant.api_key, "room_id": room_id}
    token = http.post("/api/v1/auth/token", json=asked).json["data"]["access_token"]

    assert introspect(http, tenant, token)["room_id"] == room_id


def test_others_learn_nothing(http, tools, tenant):
    """
    H1, H2, B8: to a neighbour and to an operator's key, a living token is inactive, in the same two words.
    """
    pair, operator = pair_of(http, tenant), an_operator(tools)

    for caller in (a_tenant(tools), Tenant("key_" + operator.split("_")[2], operator)):
        for token in (pair["access_token"], pair["refresh_token"], "unknown"):
            assert introspect(http, caller, token) == INACTIVE


def inactive_tokens(http, tools, tenant, clock):
    """Everything that is no living token, by what is wrong with it."""
    living, other = pair_of(http, tenant), pair_of(http, tenant)
    refresh = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    http.post(TOKEN, data=refresh, auth=(tenant.id, tenant.api_key))
    head, body, signature = living["access_token"].split(".")
    key = a_key()
    return {
        "a spent refresh token": other["refresh_token"],
        "nothing of ours": "unknown",
        "an empty JWT": "e30.e30.e30",
        "cut off": living["access_token"][:-1],
        "padded": living["access_token"] + "=",
        "spaced": " " + living["access_token"],
        "with another's signature": f"{head}.{body}.{other['access_token'].rpartition('.')[2]}",
        "unsigned": f"{head}.{body}.",
        "a refresh token cut off": living["refresh_token"][:-1],
        "a mixture": f"{head}.{living['refresh_token'].split('.')[1]}.{signature}",
        "an API key": tenant.api_key,
        "an id": tenant.id,
        "an assertion": an_assertion(key, tenant.id, clock.now()),
        "an access token that we did not sign": key.sign({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, b"{}"),
        "a NUL": "\0",
        "no ASCII": "ä",
        "long": "x" * 50_000,
    }


def test_what_is_not_alive_is_told_in_two_words(http, tools, tenant, clock):
    """
    H2, H3: spent, misspelt, forged, of another kind or of nobody: exactly {"active": false}.
    """
    told = {
        what: introspect(http, tenant, token) for what, token in inactive_tokens(http, tools, tenant, clock).items()
    }

    assert told == dict.fromkeys(told, INACTIVE)


def test_tokens_die_at_their_second(http, tenant, clock):
    """
    H3: an access token is inactive from `exp` on, a refresh token from the end of its idle time on.
    """
    pair = pair_of(http, tenant)
    ends = {"access_token": 3600, "refresh_token": 30 * 86_400}
    clock.step(microseconds=-clock.now().microsecond)

    for kind, seconds in ends.items():
        clock.step(seconds=seconds - 1)
        assert introspect(http, tenant, pair[kind])["active"]
        clock.step(seconds=1)
        assert introspect(http, tenant, pair[kind]) == INACTIVE
        clock.step(seconds=-seconds)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "id_token", "x", ""])
def test_a_hint_never_changes_the_result(http, tenant, hint):
    """
    G4: right, wrong, unknown or empty, the hint is only a hint.
    """
    pair = pair_of(http, tenant)

    for kind in ("access_token", "refresh_token"):
        assert introspect(http, tenant, pair[kind], token_type_hint=hint)["active"]
    assert introspect(http, tenant, "unknown", token_type_hint=hint) == INACTIVE


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_post_exists(http, tenant, path, method):
    """
    H5, A1, A2: every other method is 405 with Allow, and a token in a query is not read.
    """
    query = {"token": pair_of(http, tenant)["access_token"]}

    answer = http.open(path, method=method, query_string=query, auth=(tenant.id, tenant.api_key))

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
@pytest.mark.parametrize("sent", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_only_forms_are_read(http, tenant, path, sent):
    """
    A15: 415 for any other format, and it says what is wanted.
    """
    answer = http.post(path, data=b'{"token": "x"}', content_type=sent, auth=(tenant.id, tenant.api_key))

    assert (answer.status_code, answer.json["error"]) == (415, "invalid_request")
    assert "application/x-www-form-urlencoded" in answer.json["error_description"]
