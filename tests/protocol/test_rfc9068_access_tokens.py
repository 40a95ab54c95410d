"""RFC 9068: what stands in an access token, and what does not."""

import re

import pytest

from tests.builders import ALL_SCOPES, a_room
from tests.forgery import claims_of, header_of

EXCHANGE, REFRESH, TOKEN = "/api/v1/auth/token", "/api/v1/auth/refresh", "/oauth/token"
ISSUER = "http://127.0.0.1:8000"
CLAIMS = ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "sid", "tenant_id", "key_id"]


def exchanged(http, tenant, **more):
    return http.post(EXCHANGE, json={"api_key": tenant.api_key, **more}).json["data"]


def refreshed(http, tenant):
    return http.post(REFRESH, json={"refresh_token": exchanged(http, tenant)["refresh_token"]}).json["data"]


def granted(http, tenant):
    return http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(tenant.id, tenant.api_key)).json


def granted_offline(http, tenant):
    form = {"grant_type": "client_credentials", "scope": "rooms:read offline_access"}
    first = http.post(TOKEN, data=form, auth=(tenant.id, tenant.api_key)).json
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    return http.post(TOKEN, data=form, auth=(tenant.id, tenant.api_key)).json


every_way = pytest.mark.parametrize("way", [exchanged, refreshed, granted, granted_offline])


@every_way
def test_the_header_is_that_of_an_access_token(http, tenant, way):
    """
    D1, D11: alg RS256, typ at+jwt, and a kid that the JWKS resolves to a key of that alg; nothing more.
    """
    header = header_of(way(http, tenant)["access_token"])

    keys = {key["kid"]: key["alg"] for key in http.get("/.well-known/jwks.json").json["keys"]}
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": header["kid"]}
    assert keys[header["kid"]] == "RS256"


@every_way
def test_the_claims_are_those_of_the_list(http, tenant, clock, way):
    """
    D2, D7, CONTRACT 4: every claim is there with its value and its type, and no other.
    """
    answer = way(http, tenant)

    claims = claims_of(answer["access_token"])
    now = int(clock.now().timestamp())
    assert list(claims) == CLAIMS
    assert claims == claims | {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": tenant.id,
        "client_id": tenant.id,
        "tenant_id": tenant.id,
        "iat": now,
        "exp": now + 3600,
        "scope": answer.get("scope", ALL_SCOPES),
        "key_id": f"key_{tenant.api_key[8:16]}",
    }
    assert re.fullmatch(r"ses_[0-7][0-9a-hjkmnp-tv-z]{25}", claims["sid"])
    assert {name: type(value) for name, value in claims.items()} == {
        name: int if name in {"iat", "exp"} else str for name in CLAIMS
    }


def test_a_token_for_one_room_names_it(http, tools, tenant):
    """
    CONTRACT 4, D7: bound to a room, the token has the one claim more that says so, also after a refresh.
    """
    room_id = a_room(tools, tenant)
    first = exchanged(http, tenant, room_id=room_id)
    second = http.post(REFRESH, json={"refresh_token": first["refresh_token"]}).json["data"]

    for pair in (first, second):
        claims = claims_of(pair["access_token"])
        assert list(claims) == [*CLAIMS, "room_id"]
        assert claims["room_id"] == room_id


@pytest.mark.parametrize("audience", ["", "https://rooms.example", "https://rooms.example/v1"])
def test_the_audience_is_the_configured_one(make_app, tenant, audience):
    """
    D4: without `resource`, every token is for the configured audience, as one string; by default that is the issuer.
    """
    http = make_app(AUDIENCES=audience, ISSUER="https://auth.example").test_client()
    expected = audience or "https://auth.example"

    for way in (exchanged, refreshed, granted, granted_offline):
        token = way(http, tenant)["access_token"]
        assert (claims_of(token)["iss"], claims_of(token)["aud"]) == ("https://auth.example", expected)
        assert http.get("/api/v1/rooms", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_for_another_audience_or_issuer_is_refused(http, make_app, tenant):
    """
    D4, D8: a token of the same keys that was minted for somewhere else, or by another issuer, does not work here.
    """
    for settings in ({"AUDIENCES": "https://rooms.example"}, {"ISSUER": "https://auth.example"}):
        pair = exchanged(make_app(**settings).test_client(), tenant)
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        assert http.get("/api/v1/rooms", headers=bearer).status_code == 401
        if "ISSUER" in settings:
            assert http.post(REFRESH, json={"refresh_token": pair["refresh_token"]}).status_code == 401


@pytest.mark.parametrize("ttl", [30, 3600, 86_400])
def test_expires_in_is_the_truth(make_app, tenant, ttl):
    """
    D6: exp - iat is expires_in, to the second, in every way of getting a token.
    """
    http = make_app(ACCESS_TTL_SECONDS=str(ttl)).test_client()

    for way in (exchanged, refreshed, granted, granted_offline):
        answer = way(http, tenant)
        claims = claims_of(answer["access_token"])
        assert claims["exp"] - claims["iat"] == answer["expires_in"] == ttl


def test_a_token_never_outlives_its_session(make_app, tenant, clock):
    """
    D6: near the absolute end of its session a token is shorter, and expires_in says so.
    """
    http = make_app(REFRESH_ABSOLUTE_SECONDS="4000", ACCESS_TTL_SECONDS="3600").test_client()
    first = exchanged(http, tenant)
    ends = claims_of(first["access_token"])["iat"] + 4000
    clock.step(seconds=1000)

    second = http.post(REFRESH, json={"refresh_token": first["refresh_token"]}).json["data"]

    assert claims_of(second["access_token"])["exp"] == ends
    assert second["expires_in"] == 3000


def test_no_two_tokens_share_an_id(http, make_app, tenant):
    """
    D6, I8: jti is unique over processes and restarts, also for the same key in the same second.
    """
    restarted = make_app().test_client()
    tokens = [
        way(each, tenant)["access_token"] for each in (http, restarted) for way in (exchanged, refreshed, granted) * 10
    ]

    ids = [claims_of(token)["jti"] for token in tokens]

    assert len(set(ids)) == len(ids) == 60
    assert all(len(each) >= 22 for each in ids)
