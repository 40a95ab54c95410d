"""Where an API key may be used from: from elsewhere it is refused at every door, and is no guess."""

import itertools

import pytest

from tests.adversary.ended_ways import API_KEY, TOKEN_EXCHANGE
from tests.builders import Tenant, a_room
from tests.guessers import DOORS, SOURCE, STRICT, at, refresh
from tests.named_keys import API, by, keys_of, name_of, post, posted

DOORS_OF_KEYS = {name: ask for name, ask in DOORS.items() if "assertion" not in name}
ELSEWHERE = {"error": {"code": "FORBIDDEN", "message": "This API key may not be used from this address"}}
INSIDE, OUTSIDE, PROXY = "192.0.2.7", "198.51.100.7", "127.0.0.1"
_TIMES = itertools.count(1)


@pytest.fixture(scope="module")
def strict_app(make_app):
    """An application that hears few guesses, behind a proxy."""
    return make_app(**STRICT)


@pytest.fixture
def strict(strict_app, clock):
    """A client of it, days after anybody else was there."""
    clock.step(days=next(_TIMES))
    return strict_app.test_client()


def confined(http, tenant, *networks):
    """Create a key that may be used from some networks only."""
    return posted(http, tenant, allowed_cidrs=list(networks))


def status(http, key, source):
    return DOORS["rooms"](http, key, source).status_code


@pytest.mark.parametrize(
    ("network", "within", "without"),
    [
        ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255"], ["192.0.1.255", "192.0.3.0", "::c000:207", "::1"]),
        ("192.0.2.7", ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207"], ["192.0.2.6", "::ffff:192.0.2.6"]),
        ("0.0.0.0/0", ["198.51.100.7", "::ffff:0.0.0.1"], ["2001:db8::1", "::1"]),
        ("2001:db8::/32", ["2001:DB8::1", "2001:db8:ffff::"], ["2001:db9::", "192.0.2.7", "::ffff:192.0.2.7"]),
        ("2001:db8::7", ["2001:db8:0:0::7", "2001:db8::7%eth0"], ["2001:db8::8"]),
        ("fe80::/10", ["fe80::1%any text", "febf::"], ["fec0::"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.3.7", "::ffff:192.0.3.7"]),
        ("::/0", ["2001:db8::1", "::1"], ["192.0.2.7"]),
    ],
)
def test_a_key_works_within_its_networks_and_nowhere_else(http, tenant, network, within, without):
    """
    CONTRACT 3: IPv4, IPv6, and IPv4 as a socket for both families writes it; what is no address is nowhere.
    """
    key = confined(http, tenant, network)

    assert {status(http, key, source) for source in within} == {200}
    assert {status(http, key, source) for source in [*without, "", "a socket", "192.0.2.7:80", "%eth0"]} == {403}


def test_one_network_of_several_is_enough(http, tenant):
    """
    CONTRACT 3: of either family.
    """
    key = confined(http, tenant, "192.0.2.0/24", "2001:db8::/32", "198.51.100.7")

    assert {status(http, key, source) for source in (INSIDE, "2001:db8::1", OUTSIDE)} == {200}
    assert {status(http, key, source) for source in ("198.51.100.8", "2001:db9::1", "203.0.113.1")} == {403}


@pytest.mark.parametrize("name", DOORS_OF_KEYS)
def test_from_elsewhere_a_key_is_refused_at_every_door_and_is_no_guess(strict, tenant, name):
    """
    A17, CONTRACT 3: 403 FORBIDDEN in Chalk JSON, 400 unauthorized_client at OAuth, however often; who asked is heard
    as before, and so is the key from where it belongs.
    """
    key, ask = confined(strict, tenant, "192.0.2.0/24"), DOORS_OF_KEYS[name]

    answers = [ask(strict, key, OUTSIDE) for _ in range(10)]

    if name.startswith("/oauth"):
        assert {(answer.status_code, answer.json["error"]) for answer in answers} == {(400, "unauthorized_client")}
    else:
        assert {(answer.status_code, str(answer.json)) for answer in answers} == {(403, str(ELSEWHERE))}
    assert "WWW-Authenticate" not in answers[0].headers
    assert ask(strict, key, INSIDE).status_code == 200
    assert [ask(strict, Tenant(key.id, "x"), OUTSIDE).status_code for _ in range(6)] == [401] * 5 + [429]


def test_a_key_that_is_handed_in_by_a_client_is_confined_as_well(http, tools, tenant):
    """
    L: the subject of an exchange, and the key of an exchange for a participant, from elsewhere give nothing.
    """
    key, room_id = confined(http, tenant, "192.0.2.0/24"), a_room(tools, tenant)
    person = {"display_name": "Ada", "role": "host"}
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": key.api_key, "subject_token_type": API_KEY}
    form |= {"room_id": room_id, "display_name": "Ada"}

    def asks(source):
        exchanged = {"api_key": key.api_key, "room_id": room_id, "participant": person}
        admitted = f"{API}/rooms/{room_id}/participants"
        return [
            http.post("/oauth/token", data=form, auth=(tenant.id, tenant.api_key), **at(source)).status_code,
            http.post(f"{API}/auth/token", json=exchanged, **at(source)).status_code,
            http.post(admitted, json=person, headers=by(key.api_key), **at(source)).status_code,
            http.post(f"{keys_of(key)}", json={"name": "x"}, headers=by(key.api_key), **at(source)).status_code,
        ]

    assert asks(OUTSIDE) == [400, 403, 403, 403]
    assert asks(INSIDE) == [200, 200, 201, 201]


def test_what_a_key_opened_goes_anywhere(http, tenant):
    """
    CONTRACT 5: tokens are of whom the key was exchanged for, who are elsewhere.
    """
    key = confined(http, tenant, "192.0.2.0/24")

    pair = DOORS["exchange"](http, key, INSIDE).json["data"]

    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert http.get(f"{API}/rooms", headers=bearer, **at(OUTSIDE)).status_code == 200
    assert refresh(http, pair["refresh_token"], OUTSIDE).status_code == 200


def test_behind_a_proxy_of_ours_it_is_the_client_that_counts(strict, tenant):
    """
    A19: what the proxy heard decides, and not itself; what stands left of that, or comes from anybody else, does not.
    """
    key = confined(strict, tenant, "192.0.2.0/24")

    def through(hops, peer):
        headers = {**by(key.api_key), "X-Forwarded-For": hops}
        return strict.get(f"{API}/rooms", headers=headers, **at(peer)).status_code

    assert [through(hops, PROXY) for hops in (INSIDE, f"{OUTSIDE}, {INSIDE}", f"::ffff:{INSIDE}")] == [200] * 3
    assert [through(hops, PROXY) for hops in (OUTSIDE, f"{INSIDE}, {OUTSIDE}", "", "unknown")] == [403] * 4
    assert [through(INSIDE, OUTSIDE), through(OUTSIDE, SOURCE)] == [403, 200]


def test_networks_are_changed_at_once_and_go_with_a_rotation(http, tenant):
    """
    CONTRACT 3: PATCH replaces and lifts them; a successor has those of its predecessor.
    """
    key = confined(http, tenant, "192.0.2.0/24")
    one = keys_of(key, name_of(key))

    assert (status(http, key, INSIDE), status(http, key, OUTSIDE)) == (200, 403)
    http.patch(one, json={"allowed_cidrs": [OUTSIDE]}, headers=by(tenant.api_key))
    assert (status(http, key, INSIDE), status(http, key, OUTSIDE)) == (403, 200)
    rotated = http.post(f"{one}/rotate", json={"grace_period": 60}, headers=by(tenant.api_key))
    successor = Tenant(key.id, rotated.json["data"]["api_key"])
    assert (status(http, successor, INSIDE), status(http, successor, OUTSIDE)) == (403, 200)
    own = keys_of(successor, name_of(successor))
    http.patch(own, json={"allowed_cidrs": None}, headers=by(tenant.api_key))
    assert (status(http, successor, INSIDE), status(http, key, INSIDE)) == (200, 403)


def test_a_dead_key_from_elsewhere_is_dead(http, tenant):
    """
    B3: it answers like any other that does not work, and tells nothing of its networks.
    """
    key = confined(http, tenant, "192.0.2.0/24")
    http.delete(keys_of(key, name_of(key)), headers=by(tenant.api_key))

    assert [status(http, key, source) for source in (INSIDE, OUTSIDE)] == [401, 401]
    assert post(http, key).status_code == 401
