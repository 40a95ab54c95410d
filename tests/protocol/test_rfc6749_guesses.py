"""RFC 6749 section 2.3.1: whoever guesses at credentials is stopped, at every door, before they cost anything."""

import itertools
import logging
import re

import pytest

from tests.builders import Tenant
from tests.flows.test_statements import counted
from tests.guessers import DOORS, SOURCE, STRICT, Assertions, Secrets, id_of, refresh, revoke, told

PROXY = "127.0.0.1"
_TIMES = itertools.count(1)


@pytest.fixture(scope="module")
def strict_app(make_app):
    """An application with strict limits; to make one for each test would take longer than all of them."""
    return make_app(**STRICT)


@pytest.fixture
def strict(strict_app, clock):
    """A client of it, hours after anybody else was there: no guess is counted any more, nobody remembered."""
    clock.step(hours=2 * next(_TIMES))
    return strict_app.test_client()


@pytest.fixture(params=DOORS)
def door(request):
    """Give each door that takes a credential, by name and as what knocks there."""
    return request.param, DOORS[request.param]


@pytest.fixture
def owner(door, http, tools, tenant):
    """Give somebody who has the credential that the door takes."""
    return Assertions(http, tools, tenant) if "assertion" in door[0] else Secrets(tools, tenant)


def spend(strict, source=SOURCE):
    """Use up the limit of a source, with five keys that are none."""
    answers = [DOORS["rooms"](strict, Tenant("", "nonsense"), source) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {401}


def through(strict, hops, peer=PROXY):
    """Guess once, as `X-Forwarded-For` and the peer have it, and tell whether it was heard."""
    headers = {"X-API-Key": "nonsense", "X-Forwarded-For": hops}
    answer = strict.get("/api/v1/rooms", headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    return {401: True, 429: False}[answer.status_code]


def assert_is_limited(answer, name, policy, quota):
    """It is 429 in the words of the door, and says when to come back; gives that, in seconds."""
    assert (answer.status_code, answer.content_type) == (429, "application/json")
    if name.startswith("/oauth"):
        assert answer.json == {"error": "temporarily_unavailable", "error_description": "Too many failed attempts"}
        assert answer.headers["Cache-Control"] == "no-store"
    else:
        assert answer.json == {"error": {"code": "RATE_LIMITED", "message": "Too many failed attempts"}}
    assert "WWW-Authenticate" not in answer.headers
    after = answer.headers["Retry-After"]
    assert re.fullmatch(r"[1-9]|[1-5][0-9]|60", after)
    assert answer.headers["RateLimit-Policy"] == f'"{policy}";q={quota};w=60'
    assert answer.headers["RateLimit"] == f'"{policy}";r=0;t={after}'
    return int(after)


def test_a_source_that_guesses_is_not_heard_until_its_minute_is_over(strict, clock, door, owner):
    """
    A17, B3: malformed, unknown, wrong and dead credentials count alike; then all are 429 alike, at no cost, for as
    long as was said and not a second longer.
    """
    name, ask = door
    for wrong in [*owner.wrong, owner.wrong[0]]:
        clock.step(seconds=0.3)
        assert ask(strict, wrong, SOURCE).status_code == 401

    with counted() as statements:
        refused = [ask(strict, wrong, SOURCE) for wrong in [*owner.wrong, owner.right()]]
    wait = assert_is_limited(refused[0], name, "source", 5)
    assert len({str(told(answer)) for answer in refused}) == 1
    assert statements == []

    clock.step(seconds=wait - 1)
    assert ask(strict, owner.wrong[0], SOURCE).status_code == 429
    clock.step(seconds=1)
    assert ask(strict, owner.wrong[0], SOURCE).status_code == 401
    assert ask(strict, owner.right(), SOURCE).status_code == 200


def test_a_credential_at_which_everybody_guesses_works_for_its_owner(strict, door, owner):
    """
    A17: guessers at one id are 429 from the fourth on, from wherever; its owner is heard at every door, and was never
    seen there before.
    """
    name, ask = door
    answers = [ask(strict, owner.named(), f"198.51.100.{number}") for number in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 3
    for answer in answers[3:]:
        assert_is_limited(answer, name, "credential", 3)
    assert ask(strict, owner.right(), SOURCE).status_code == 200
    assert ask(strict, owner.right(), "198.51.100.5").status_code == 200
    assert ask(strict, owner.named(), "198.51.100.77").status_code == 429


def test_a_guessing_neighbour_does_no_harm_to_what_worked_lately(strict, door, owner):
    """
    A17: behind one address, what has worked is heard while somebody guesses there, also at its own id; from another
    address it works whether or not it did before.
    """
    _, ask = door
    assert ask(strict, owner.right(), SOURCE).status_code == 200
    spend(strict)
    for _ in range(5):
        assert ask(strict, owner.named(), SOURCE).status_code == 429

    assert ask(strict, owner.right(), SOURCE).status_code == 200
    assert ask(strict, owner.right(), "192.0.2.2").status_code == 200


@pytest.mark.parametrize("name", ["exchange", "rooms", "/oauth/token by basic"])
def test_what_worked_and_is_dead_is_a_guess_like_any_other(strict, tools, tenant, name):
    """
    A17, B3: a key that worked is heard once more after its end, refused like a guess, and from then on not heard.
    """
    assert DOORS[name](strict, tenant, SOURCE).status_code == 200
    spend(strict)
    revoke(tools, tenant)

    with counted() as statements:
        assert_is_limited(DOORS[name](strict, tenant, SOURCE), name, "source", 5)
    assert "SELECT" in statements
    with counted() as statements:
        assert_is_limited(DOORS[name](strict, tenant, SOURCE), name, "source", 5)
    assert statements == []
    assert DOORS[name](strict, tenant, "192.0.2.2").status_code == 401


def test_forged_refresh_tokens_are_guesses_and_spent_ones_are_not(strict, tenant):
    """
    A17: what we did not sign counts for its source; a token that was good, however often it comes, does not, and one
    that is good is heard while others guess.
    """
    first = DOORS["exchange"](strict, tenant, SOURCE).json["data"]["refresh_token"]
    second = refresh(strict, first, SOURCE).json["data"]["refresh_token"]
    other = DOORS["exchange"](strict, tenant, SOURCE).json["data"]["refresh_token"]
    for token in [first] * 10 + [second] * 10:
        assert refresh(strict, token, SOURCE).status_code == 401

    answers = [refresh(strict, token, SOURCE) for token in ("x", "e30.e30.", other[:-1], other + "x", "", "x", "x")]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert_is_limited(answers[5], "refresh", "source", 5)
    assert refresh(strict, other, SOURCE).status_code == 200
    assert DOORS["rooms"](strict, Tenant("", "nonsense"), SOURCE).status_code == 429


def test_a_suspended_tenants_key_is_no_guess(strict, http, tenant, admin_key):
    """
    A17, A11: who shows the right key and may not act for now is told so, as often as they ask.
    """
    http.patch(f"/api/v1/tenants/{tenant.id}", json={"status": "suspended"}, headers={"X-API-Key": admin_key})

    assert {DOORS["rooms"](strict, tenant, SOURCE).status_code for _ in range(10)} == {403}
    spend(strict)
    assert DOORS["rooms"](strict, tenant, SOURCE).status_code == 403


def test_a_limit_that_is_reached_is_told_once_and_without_a_secret(strict, tools, tenant, caplog):
    """
    A17, B2: the operator learns of the source, and of the key at which everybody guesses, by their names alone.
    """
    caplog.set_level(logging.DEBUG)
    owner = Secrets(tools, tenant)
    shown = [owner.named() for _ in range(7)]
    caplog.clear()

    for client in shown:
        DOORS["/oauth/token by post"](strict, client, SOURCE)

    events = [each.fields for each in caplog.records if each.getMessage() == "guesses.limited"]
    assert events == [
        {"limit": "credential", "source": SOURCE, "credential": id_of(tenant)},
        {"limit": "source", "source": SOURCE, "credential": id_of(tenant)},
    ]
    assert all(client.api_key.split("_")[3] not in caplog.text + str(events) for client in shown)


@pytest.mark.parametrize(
    "sources",
    [
        ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::", "2001:DB8::3", "2001:db8::ffff:ffff:ffff:ffff"],
        ["::ffff:192.0.2.1", "192.0.2.1", "::FFFF:c000:201", "192.0.2.1", "::ffff:192.0.2.1"],
        ["203.0.113.1, 192.0.2.1", "203.0.113.2,192.0.2.1", "x, 192.0.2.1", "192.0.2.1,127.0.0.1", "192.0.2.1"],
    ],
)
def test_one_client_is_one_source_however_its_address_is_written(strict, sources):
    """
    A17, A19: a network of 64 bits in IPv6, an IPv4 address inside IPv6, and whatever stands left of what our proxy
    heard: nobody gets a new limit out of it.
    """
    assert all(through(strict, hops) for hops in sources)

    assert not any(through(strict, hops) for hops in sources)
    assert through(strict, "2001:db8:0:1::1")
    assert through(strict, "192.0.2.2")


def test_a_header_of_somebody_who_is_no_proxy_of_ours_changes_nothing(strict):
    """
    A19: to rotate it evades no limit, and to write a victim's address into it uses up nothing of the victim's.
    """
    victim = "192.0.2.99"
    heard = [through(strict, f"{victim}, 203.0.113.{number}, {victim}", peer=SOURCE) for number in range(8)]

    assert heard == [True] * 5 + [False] * 3
    assert through(strict, victim)
    assert through(strict, "", peer=victim)


@pytest.mark.parametrize(
    "hops", ["", ",", "unknown", "192.0.2.1:80", "[::1]", "ä", "x" * 50_000, "127.0.0.1," * 10_000]
)
def test_a_header_that_cannot_be_read_fails_nowhere(strict, hops):
    """
    A16, A19: then the proxy itself is the source.
    """
    assert [through(strict, hops) for _ in range(6)] == [True] * 5 + [False]
    assert not through(strict, "")
    assert through(strict, SOURCE)
