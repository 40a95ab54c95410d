"""RFC 6749 section 3.3 and 6: scopes are sets, and they only ever become smaller."""

import base64
import json
import time

import pytest

from tests.builders import a_key_holding, a_tenant

TOKEN = "/oauth/token"


def ask(http, tenant, **form):
    return http.post(TOKEN, data={"grant_type": "client_credentials", **form}, auth=(tenant.id, tenant.api_key))


def refresh(http, tenant, token, **form):
    return ask(http, tenant, grant_type="refresh_token", refresh_token=token, **form)


def scope_in(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["scope"]


def refused(answer):
    return (answer.status_code, answer.json["error"])


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("rooms:read", "rooms:read"),
        ("rooms:write rooms:read", "rooms:read rooms:write"),
        ("  rooms:read   rooms:read ", "rooms:read"),
        ("offline_access", "offline_access"),
        ("offline_access rooms:write", "rooms:write offline_access"),
    ],
)
def test_a_scope_is_a_set(http, tenant, asked, granted):
    """
    A14, A8: order and repetition say nothing; the answer and the token name what was granted.
    """
    answer = ask(http, tenant, scope=asked)

    assert answer.json["scope"] == granted
    assert scope_in(answer.json["access_token"]) == granted
    assert ("refresh_token" in answer.json) == ("offline_access" in granted)


@pytest.mark.parametrize(
    "asked",
    [
        "all",
        "rooms:read all",
        "ROOMS:READ",
        "rooms",
        "rooms:read,rooms:write",
        " ",
        "rooms:read\trooms:write",
        "rooms:read\0",
        "*",
        "openid",
    ],
)
def test_a_scope_is_never_widened(http, tenant, asked):
    """
    A14: anything that the key does not hold is invalid_scope, whole.
    """
    assert refused(ask(http, tenant, scope=asked)) == (400, "invalid_scope")


def test_nothing_is_granted_where_nothing_is_usual(http, tools, tenant):
    """
    A14: a key that holds offline_access alone has nothing to get without asking for it, and no token without a scope.
    """
    poor = a_key_holding("offline_access", tenant, tools)

    assert refused(ask(http, poor)) == (400, "invalid_scope")
    assert ask(http, poor, scope="offline_access").json["scope"] == "offline_access"


@pytest.mark.parametrize("tokens", ["rooms:read " * 500_000, " ".join(map(str, range(500_000))), " " * 500_000])
def test_an_endless_scope_is_answered_at_once(make_app, tenant, tokens):
    """
    A14: half a million tokens take less than 50 ms, whether they repeat or differ; by default they are not even read.
    """
    body = (
        f"grant_type=client_credentials&client_id={tenant.id}&client_secret={tenant.api_key}&scope="
        + tokens.replace(" ", "+")
    )
    patient = make_app(MAX_BODY_BYTES="10485760").test_client()
    sent = {"data": body.encode(), "content_type": "application/x-www-form-urlencoded"}

    def timed():
        before = time.perf_counter()
        answer = patient.post(TOKEN, **sent)
        return time.perf_counter() - before, answer.status_code

    seconds, status = min(timed() for _ in range(10))

    assert status in {200, 400}
    assert seconds < 0.05
    assert make_app().test_client().post(TOKEN, **sent).status_code == 413


def test_a_refresh_narrows_the_access_token_only(http, tenant):
    """
    C5: the refresh token keeps its original scope; the next refresh may ask for all of it again.
    """
    first = ask(http, tenant, scope="rooms:read rooms:write offline_access").json

    narrow = refresh(http, tenant, first["refresh_token"], scope="rooms:read").json
    whole = refresh(http, tenant, narrow["refresh_token"]).json

    assert narrow["scope"] == scope_in(narrow["access_token"]) == "rooms:read"
    assert whole["scope"] == scope_in(whole["access_token"]) == "rooms:read rooms:write offline_access"


@pytest.mark.parametrize("asked", ["rooms:read rooms:write", "all", " "])
def test_a_refresh_that_asks_for_more_spends_nothing(http, tenant, asked):
    """
    C5, A14: a scope beyond the session's is invalid_scope, and the refresh token is as good as before.
    """
    first = ask(http, tenant, scope="rooms:read offline_access").json

    assert refused(refresh(http, tenant, first["refresh_token"], scope=asked)) == (400, "invalid_scope")
    assert refresh(http, tenant, first["refresh_token"]).status_code == 200


@pytest.mark.parametrize("scope", [{}, {"scope": "rooms:read"}, {"scope": "all"}])
def test_a_foreign_client_cannot_use_or_consume_a_refresh_token(http, tools, tenant, scope):
    """
    C4: with another client's credentials it is invalid_grant, and neither spent nor revoked, also when it was spent.
    """
    foreign = a_tenant(tools)
    first = ask(http, tenant, scope="rooms:read offline_access").json

    assert refused(refresh(http, foreign, first["refresh_token"], **scope)) == (400, "invalid_grant")
    second = refresh(http, tenant, first["refresh_token"]).json
    assert refused(refresh(http, foreign, first["refresh_token"], **scope)) == (400, "invalid_grant")
    assert refresh(http, tenant, second["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    ("key", "status"), [("k" * 15, 400), ("k" * 16, 200), ("k" * 255, 200), ("k" * 256, 400), ("ü" * 20, 400)]
)
def test_a_lost_answer_is_fetched_with_its_idempotency_key(http, tenant, key, status):
    """
    CONTRACT 5: the same key, of 16 to 255 characters, fetches the same successor; with another nothing is spent.
    """
    first = ask(http, tenant, scope="offline_access").json["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": first}

    answers = [
        http.post(TOKEN, data=form, auth=(tenant.id, tenant.api_key), headers={"Idempotency-Key": key})
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [status, status]
    if status == 200:
        assert answers[0].json["refresh_token"] == answers[1].json["refresh_token"]
    else:
        assert refused(answers[0]) == (400, "invalid_request")
        assert refresh(http, tenant, first).status_code == 200
