"""No credential of one kind passes for another, and the worst of forgeries costs the server next to nothing."""

import json
import time

import pytest

from tests.builders import a_pair, a_room, a_tenant, an_operator
from tests.forgery import b64, claims_of, header_of, hs256, our_private_key, rs256, signing_input

ROOMS, EXCHANGE, REFRESH, TOKEN = "/api/v1/rooms", "/api/v1/auth/token", "/api/v1/auth/refresh", "/oauth/token"

# What each door takes, and how it is asked.
DOORS = {
    "bearer": ("access", lambda http, it, _: http.get(ROOMS, headers={"Authorization": f"Bearer {it}"})),
    "key header": ("key", lambda http, it, _: http.get(ROOMS, headers={"X-API-Key": it})),
    "exchange": ("key", lambda http, it, _: http.post(EXCHANGE, json={"api_key": it})),
    "refresh": ("refresh", lambda http, it, _: http.post(REFRESH, json={"refresh_token": it})),
    "client secret": (
        "key",
        lambda http, it, tenant: http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(tenant.id, it)),
    ),
    "refresh grant": (
        "refresh",
        lambda http, it, tenant: http.post(
            TOKEN, data={"grant_type": "refresh_token", "refresh_token": it}, auth=(tenant.id, tenant.api_key)
        ),
    ),
}


def a_refresh_token(tools, tenant):
    return a_pair(tools, tenant).refresh_token


def wardrobe(http, tools, tenant):
    """One of everything that the server ever printed for this tenant."""
    room_id, _ = a_room(tools, tenant), a_room(tools, tenant)
    pair, key = a_pair(tools, tenant), {"X-API-Key": tenant.api_key}
    with tools.database.reading() as connection:
        wrapped = connection.exec_driver_sql("SELECT private_jwe FROM signing_keys WHERE state = 'active'").scalar_one()
    return {
        "access": pair.access_token,
        "refresh": pair.refresh_token,
        "key": tenant.api_key,
        "operator": an_operator(tools),
        "cursor": http.get(ROOMS, query_string={"limit": 1}, headers=key).json["pagination"]["next_cursor"],
        "session": claims_of(pair.access_token)["sid"],
        "jti": claims_of(pair.access_token)["jti"],
        "kid": header_of(pair.access_token)["kid"],
        "room": room_id,
        "tenant": tenant.id,
        "wrapped key": wrapped,
    }


@pytest.mark.parametrize("door", DOORS)
def test_no_kind_passes_for_another(http, tools, tenant, door):
    """
    D10: each door takes the one kind that it is for; every other credential, id and ciphertext of ours is refused.
    """
    wanted, ask = DOORS[door]

    for kind, it in wardrobe(http, tools, tenant).items():
        answer = ask(http, it, tenant)
        if kind == wanted:
            assert answer.status_code == 200
        elif (door, kind) == ("key header", "operator"):
            assert answer.status_code == 403
        elif door == "refresh grant":
            assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")
        else:
            assert answer.status_code == 401, kind


def test_a_refresh_token_is_no_access_token_whoever_signs_it(http, tools, tenant):
    """
    D10, D11: the claims of one kind under the key or the type of the other are refused at both doors.
    """
    pair, key, secret = a_pair(tools, tenant), our_private_key(tools), tools.master.refresh
    assert pair.refresh_token is not None
    access, refresh = claims_of(pair.access_token), claims_of(pair.refresh_token)
    rsa_head, mac_head = header_of(pair.access_token), header_of(pair.refresh_token)
    assert hs256(mac_head, refresh, secret) == pair.refresh_token

    for token in (
        rs256(mac_head, refresh, key),
        rs256(rsa_head, refresh, key),
        rs256({**rsa_head, "typ": "rt+jwt"}, refresh, key),
        hs256(mac_head, access, secret),
        hs256(rsa_head, access, secret),
        hs256({**mac_head, "typ": "at+jwt"}, access, secret),
        hs256({**mac_head, "kid": rsa_head["kid"]}, refresh, secret),
        hs256({**mac_head, "typ": "JWT"}, refresh, secret),
        hs256({**mac_head, "alg": "HS512"}, refresh, secret),
    ):
        for door in ("bearer", "refresh"):
            assert DOORS[door][1](http, token, tenant).status_code == 401


@pytest.mark.parametrize("name", ["iss", "aud", "sid", "gen", "iat", "exp", "extra"])
@pytest.mark.parametrize("value", [None, "x", True, 1.0, [], {}])
def test_one_wrong_claim_of_a_refresh_token_is_enough(http, tools, tenant, name, value):
    """
    D8, C8: one mutated or added claim under the refresh key itself, and the token is refused; the good one still works.
    """
    good = a_refresh_token(tools, tenant)

    forged = hs256(header_of(good), {**claims_of(good), name: value}, tools.master.refresh)

    assert http.post(REFRESH, json={"refresh_token": forged}).status_code == 401
    assert http.post(REFRESH, json={"refresh_token": good}).status_code == 200


def test_a_token_of_another_tenants_session_stays_there(http, tools, tenant):
    """
    B8: an access token reaches the rooms of its own tenant alone.
    """
    neighbour = a_tenant(tools)
    room_id, token = a_room(tools, neighbour), a_pair(tools, tenant).access_token

    assert http.get(f"{ROOMS}/{room_id}", headers={"Authorization": f"Bearer {token}"}).status_code == 404


def misshapen(tools, tenant):
    header, claims = (read(a_pair(tools, tenant).access_token) for read in (header_of, claims_of))
    deep = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
    key = our_private_key(tools)
    return {
        "200 kB": "A" * 200_000,
        "200 kB of dots": "." * 200_000,
        "200 kB of segments": "e30." * 50_000,
        "200 kB payload": rs256(header, {**claims, "pad": "x" * 150_000}, key),
        "deep header": f"{b64(deep)}.{b64(json.dumps(claims).encode())}.AAAA",
        "deep payload": rs256(header, deep, key),
        "rather deep header": f"{b64(deep[:3000])}.e30.AAAA",
        "rather deep payload": rs256(header, b'{"a":' * 900 + b"1" + b"}" * 900, key),
        "endless number": rs256(header, b'{"exp":' + b"9" * 5000 + b"}", key),
        "endless exponent": rs256(header, b'{"exp":1e999999999}', key),
        "NaN": rs256(header, json.dumps({**claims, "exp": float("nan")}).encode(), key),
        "Infinity": rs256(header, json.dumps({**claims, "exp": float("inf")}).encode(), key),
        "no JSON": rs256(header, b"\xff\xfe", key),
        "an array": rs256(header, b"[]", key),
        "null header": signing_input(b"null", claims) + ".AAAA",
        "empty header": signing_input(b"{}", claims) + ".AAAA",
        "surrogates": rs256(header, b'{"iss":"\\ud800"}', key),
    }


def test_a_misshapen_token_is_refused_within_five_milliseconds(http, tools, tenant):
    """
    D9: huge, deep and broken tokens are 401 within 5 ms at both doors that read them, and never 500.
    """
    for name, token in misshapen(tools, tenant).items():
        body = json.dumps({"refresh_token": token}).encode()
        asks = [lambda token=token: http.get(ROOMS, headers={"Authorization": f"Bearer {token}"})]
        if len(body) < 65_536:
            asks.append(lambda body=body: http.post(REFRESH, data=body, content_type="application/json"))
        for ask in asks:
            took = []
            for _ in range(5):
                # Of this thread alone: what else the machine does meanwhile is not the refusal's.
                before = time.thread_time()
                answer = ask()
                took.append(time.thread_time() - before)
                assert answer.status_code == 401, name
            assert min(took) < 0.005, name
