"""RFC 8707: a client names the resource that it wants to reach, and the token works there, and nowhere else."""

import pytest

from tests.assertions import ISSUER, a_key, an_assertion, form, register
from tests.builders import a_room
from tests.forgery import claims_of

TOKEN = "/oauth/token"
ROOMS, BILLING, MEDIA = "https://api.example/rooms", "https://billing.example", "https://media.example:8443/a/b"
CLIENT = {"grant_type": "client_credentials", "scope": "rooms:read offline_access"}


@pytest.fixture(scope="module")
def application(make_app):
    """The application with three audiences; the first is the default, and that of our own API."""
    return make_app(AUDIENCES=f"{ROOMS}, {BILLING}, {MEDIA}")


def ask(http, tenant, *resources, **form):
    fields = {**CLIENT, **form, "resource": list(resources)}
    return http.post(TOKEN, data=fields, auth=(tenant.id, tenant.api_key))


def refresh(http, tenant, pair, *resources):
    return ask(http, tenant, *resources, grant_type="refresh_token", scope="", refresh_token=pair["refresh_token"])


def assert_is_refused(answer):
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_target")
    assert set(answer.json) == {"error", "error_description"}


def reads_a_room(http, token, room_id):
    answer = http.get(f"/api/v1/rooms/{room_id}", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200


@pytest.mark.parametrize("resource", [ROOMS, BILLING, MEDIA])
@pytest.mark.parametrize("times", [1, 2])
def test_the_token_is_for_the_resource_that_was_named(http, tools, tenant, resource, times):
    """
    D4: `aud` is exactly what was asked for, and our own API takes only what is addressed to it.
    """
    token = ask(http, tenant, *[resource] * times).json["access_token"]

    assert claims_of(token)["aud"] == resource
    assert reads_a_room(http, token, a_room(tools, tenant)) == (resource == ROOMS)


@pytest.mark.parametrize("form", [{}, {"resource": ""}, {"audience": BILLING}])
def test_without_a_resource_the_token_is_for_the_first_audience(http, tools, tenant, form):
    """
    D4, A4: the default is the first configured audience; an empty `resource` counts as absent, `audience` is ignored.
    """
    answer = http.post(TOKEN, data={**CLIENT, **form}, auth=(tenant.id, tenant.api_key))

    assert claims_of(answer.json["access_token"])["aud"] == ROOMS
    assert reads_a_room(http, answer.json["access_token"], a_room(tools, tenant))


def test_chalk_json_gives_tokens_for_our_own_api(http, tenant):
    """
    D4: /api/v1/auth/token has no `resource`; its tokens are for the rooms API.
    """
    pair = http.post("/api/v1/auth/token", json={"api_key": tenant.api_key}).json["data"]

    assert claims_of(pair["access_token"])["aud"] == ROOMS


UNKNOWN = [
    *("https://other.example", ISSUER, BILLING + "/", BILLING + "#x", BILLING + "?x", BILLING.upper(), "billing"),
    *("http" + BILLING[5:], BILLING + "/x", MEDIA[:-2], " " + BILLING, "*", "\0", "ä", "x" * 10_000, "urn:x", "//x"),
]


@pytest.mark.parametrize("resource", UNKNOWN, ids=lambda text: repr(text[:30]))
def test_a_resource_that_is_not_configured_is_refused(http, tenant, resource):
    """
    RFC 8707 section 2: invalid_target for whatever is not an audience to the byte; a good one beside it saves nothing.
    """
    assert_is_refused(ask(http, tenant, resource))
    for several in ((resource, BILLING), (BILLING, resource)):
        assert_is_refused(ask(http, tenant, *several))


def test_a_token_has_one_audience(http, tenant):
    """
    RFC 8707 section 2: two different resources are refused; a token for both could be carried from one to the other.
    """
    assert_is_refused(ask(http, tenant, ROOMS, BILLING))


def test_the_audience_stays_through_refreshes(http, tenant):
    """
    C6: with the session's own resource, or none, a refresh keeps the audience.
    """
    pair = ask(http, tenant, BILLING).json
    for resources in ([], [BILLING], [], [BILLING, BILLING]):
        pair = refresh(http, tenant, pair, *resources).json
        assert claims_of(pair["access_token"])["aud"] == BILLING

    chalk = http.post("/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}).json["data"]
    assert claims_of(chalk["access_token"])["aud"] == BILLING


@pytest.mark.parametrize("resource", [ROOMS, MEDIA, "https://other.example"])
def test_the_audience_never_widens(http, tenant, resource):
    """
    C6: another resource at a refresh is invalid_target, and the refresh token is not spent by asking.
    """
    pair = ask(http, tenant, BILLING).json

    assert_is_refused(refresh(http, tenant, pair, resource))
    assert_is_refused(refresh(http, tenant, pair, BILLING, resource))

    assert claims_of(refresh(http, tenant, pair).json["access_token"])["aud"] == BILLING


def test_an_assertion_may_name_a_resource_too(http, tenant, clock):
    """
    D4, I: `resource` works with private_key_jwt; the assertion's own `aud` remains the issuer.
    """
    key = a_key()
    register(http, tenant, key)

    def ask_for(resource):
        return http.post(TOKEN, data=form(an_assertion(key, tenant.id, clock.now()), resource=resource))

    assert claims_of(ask_for(BILLING).json["access_token"])["aud"] == BILLING
    assert_is_refused(ask_for("https://other.example"))


def test_only_a_client_learns_what_is_configured(http, tenant):
    """
    G1: who is not authenticated gets 401, whatever resource is named.
    """
    for resource in (BILLING, "https://other.example"):
        answer = http.post(TOKEN, data={**CLIENT, "resource": resource}, auth=(tenant.id, "x"))
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_an_audience_that_was_removed_is_worth_nothing(http, make_app, tenant):
    """
    D8, H3: after a change of CHALK_AUDIENCES, tokens for the lost audience are neither active nor renewed for another.
    """
    pair = ask(http, tenant, BILLING).json
    without = make_app(AUDIENCES=f"{ROOMS},{MEDIA}").test_client()

    told = without.post("/oauth/introspect", data={"token": pair["access_token"]}, auth=(tenant.id, tenant.api_key))

    assert told.json == {"active": False}
    assert_is_refused(refresh(without, tenant, pair, MEDIA))
    assert_is_refused(ask(without, tenant, BILLING))
