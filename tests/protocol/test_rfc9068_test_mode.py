"""RFC 9068, RFC 7662: tokens of test keys say so wherever they come from, those of live keys say nothing of it."""

import pytest

from app.flows.issue_resource_server_key import issue_resource_server_key
from tests.adversary.tenancies import a_tenancy
from tests.assertions import ISSUER, a_key, an_assertion, form, register
from tests.builders import Tenant, a_room, a_tenant
from tests.exchanging import ACCESS, GRANT, exchange
from tests.forgery import claims_of, header_of, our_private_key, rs256
from tests.named_keys import a_named_key
from tests.participants import admitted, bearer, introspected, refreshed

TOKEN, CHALK = "/oauth/token", "/api/v1/auth/token"


@pytest.fixture
def key(tools, tenant):
    """A test key of the tenant's."""
    return a_named_key(tools, tenant, mode="test")


def in_every_way(http, tools, key):
    """Give an access token from every place that gives one."""
    room_id = a_room(tools, key)
    auth, grant = (key.id, key.api_key), {"grant_type": "client_credentials"}
    offline = http.post(TOKEN, data={**grant, "scope": "rooms:read offline_access"}, auth=auth).json
    again = {"grant_type": "refresh_token", "refresh_token": offline["refresh_token"]}
    pair = http.post(CHALK, json={"api_key": key.api_key}).json["data"]
    host = admitted(http, room_id, {"X-API-Key": key.api_key}, role="host")
    who = {"api_key": key.api_key, "room_id": room_id, "participant": {"display_name": "Bea"}}
    answers = {
        "client_credentials": offline,
        "refresh_token": http.post(TOKEN, data=again, auth=auth).json,
        "auth/token": pair,
        "auth/token for a room": http.post(CHALK, json={"api_key": key.api_key, "room_id": room_id}).json["data"],
        "auth/token for a participant": http.post(CHALK, json=who).json["data"],
        "auth/refresh": refreshed(http, pair["refresh_token"]).json["data"],
        "admitted by a key": host,
        "admitted by a host": admitted(http, room_id, bearer(host["access_token"])),
        "a participant's refresh": refreshed(http, host["refresh_token"]).json["data"],
        "a token exchanged": exchange(http, key, pair["access_token"], room_id).json,
        "a key exchanged": exchange(http, key, key.api_key, room_id).json,
    }
    return {way: answer["access_token"] for way, answer in answers.items()}


def test_a_token_says_of_which_mode_it_is(http, tools, tenant, key):
    """
    D7: from every place that gives tokens, at introspection, and after each refresh, a test key's say `mode: "test"` as
    their last claim; a live key's have no such claim, and are otherwise alike.
    """
    of_test, of_live = (in_every_way(http, tools, each) for each in (key, tenant))

    for way, token in of_test.items():
        claims = claims_of(token)
        assert list(claims.items())[-1] == ("mode", "test"), way
        assert list(claims) == [*claims_of(of_live[way]), "mode"], way
        told = [introspected(http, each, one) for each, one in ((key, token), (tenant, of_live[way]))]
        assert [each["active"] for each in told] == [True, True], way
        assert [each.get("mode") for each in told] == ["test", None], way


def test_a_refresh_token_is_told_with_its_mode(http, tenant, key):
    """
    H1: introspected by its own client, a test key's refresh token says so as its access token does; a live one nothing.
    """
    for each, mode in ((key, "test"), (tenant, None)):
        token = http.post(CHALK, json={"api_key": each.api_key}).json["data"]["refresh_token"]
        told = introspected(http, each, token)
        assert (told["active"], told.get("mode")) == (True, mode)


def test_a_resource_server_is_told_which_tokens_are_for_tests(http, tools, tenant, key):
    """
    H1: whoever introspects as a resource server sees both kinds, and tells them apart by the same claim.
    """
    issued = issue_resource_server_key(ISSUER, tools)
    server = Tenant(issued.name, issued.text)

    for each, mode in ((key, "test"), (tenant, None)):
        token = http.post(CHALK, json={"api_key": each.api_key}).json["data"]["access_token"]
        told = introspected(http, server, token)
        assert (told["active"], told.get("mode")) == (True, mode)


@pytest.mark.parametrize("mode", ["live", "Test", "test ", "", None, True, 1, ["test"], {"mode": "test"}])
def test_a_token_of_another_mode_is_none_of_ours(http, tools, tenant, mode):
    """
    D8: whatever else `mode` says, and were it signed by our own key, the token is refused and inactive; left as it was
    it is good.
    """
    pair = http.post(CHALK, json={"api_key": tenant.api_key}).json["data"]
    header, claims = header_of(pair["access_token"]), claims_of(pair["access_token"])
    room_id = a_room(tools, tenant)
    forged = rs256(header, {**claims, "mode": mode}, our_private_key(tools))
    same = rs256(header, claims, our_private_key(tools))

    read = [http.get(f"/api/v1/rooms/{room_id}", headers=bearer(each)) for each in (forged, same)]

    assert [answer.status_code for answer in read] == [401, 200]
    assert introspected(http, tenant, forged) == {"active": False}
    assert introspected(http, tenant, same)["active"] is True


def test_a_client_with_keys_of_its_own_is_live(http, tools, clock):
    """
    I, H1, G2: who authenticates by an assertion gets live tokens, finds the tenant's live ones, and neither sees nor
    ends those of its test keys, nor exchanges them.
    """
    tenant = a_tenant(tools)
    test = a_tenancy(http, tools, a_named_key(tools, tenant, mode="test"))
    live = a_tenancy(http, tools, tenant)
    client_key = a_key()
    register(http, tenant, client_key)

    def ask(path, **more):
        return http.post(path, data=form(an_assertion(client_key, tenant.id, clock.now()), **more))

    own = ask(TOKEN, grant_type="client_credentials").json["access_token"]
    assert "mode" not in claims_of(own)
    assert http.get(f"/api/v1/rooms/{live.first.room_id}", headers=bearer(own)).status_code == 200
    assert http.get(f"/api/v1/rooms/{test.first.room_id}", headers=bearer(own)).status_code == 404
    for token in (test.token, test.refresh_token, test.first.host_token):
        assert ask("/oauth/introspect", token=token).json == {"active": False}
        assert ask("/oauth/revoke", token=token).status_code == 200
    assert ask("/oauth/introspect", token=live.token).json["active"] is True
    for world, status in ((test, 400), (live, 200)):
        asked = {"subject_token": world.token, "room_id": world.first.room_id, "display_name": "Ada"}
        answer = ask(TOKEN, grant_type=GRANT, subject_token_type=ACCESS, **asked)
        assert answer.status_code == status, answer.text
    assert refreshed(http, test.refresh_token).status_code == 200
