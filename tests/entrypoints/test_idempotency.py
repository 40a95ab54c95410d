"""Idempotency-Key: whatever creates, rotates or mints is done once, and answered alike as often as it is asked for."""

import json
from functools import partial

import pytest

from app.entrypoints.operations import REPEATABLE, operation_of
from tests.builders import a_pair, a_tenant, an_operator
from tests.deeds import (
    API,
    DEEDS,
    Deed,
    a_key_of_a_request,
    a_scene,
    another_key,
    is_replay,
    nothing_done,
    rows,
    send,
)
from tests.participants import admitted, bearer, by

# POSTs that need no Idempotency-Key, or have a rule of their own; whoever adds a POST puts it here or into DEEDS.
OTHERWISE = {
    "leaks.create": "tells nothing, and the second report of a key changes nothing",
    "auth.refresh": "CONTRACT 5: the session's row remembers the keys of the last rotations",
    "auth.revoke": "ends something: the second time, there is nothing left to do, and the answer is the same",
    "rooms.end": "ends something: the second time is refused, and nothing was made that could get lost",
    "sessions.delete_all": "ends something; the second time, it ends what was opened meanwhile, as it should",
}
ENDINGS = {
    "revoked": lambda http, scene: http.delete(
        f"{API}/tenants/{scene.tenant.id}/api-keys/key_{scene.tenant.api_key[8:16]}", headers=by(scene.operator)
    ),
    "suspended": lambda http, scene: http.patch(
        f"{API}/tenants/{scene.tenant.id}", json={"status": "suspended"}, headers=by(scene.operator)
    ),
    "closed": lambda http, scene: http.delete(f"{API}/tenants/{scene.tenant.id}", headers=by(scene.operator)),
}
BY_KEY = [name for name, deed in DEEDS.items() if deed.by != "operator" and not deed.route.endswith(("rotate", "_key"))]


@pytest.fixture
def scene(tools, clock):
    """A tenant that may do all of it."""
    return a_scene(tools)


def test_every_post_is_done_once_or_is_known_not_to_need_it(app):
    """
    CONTRACT 3: a new route that creates, rotates or mints cannot be forgotten here, nor without the header.
    """
    posts = {
        rule.endpoint.removeprefix("chalk."): operation_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.rule.startswith(API)
    }

    tried = {deed.route for deed in DEEDS.values()}
    assert {name for name, said in posts.items() if said and said.headers == REPEATABLE} == tried
    assert posts.keys() - tried == OTHERWISE.keys()


@pytest.mark.parametrize("name", DEEDS)
def test_a_retry_gets_the_same_answer_and_nothing_is_done_twice(http, tools, scene, name):
    """
    CONTRACT 3: the same status and body to the byte, secrets included; another body is 409; another path is another
    request.
    """
    deed, key = DEEDS[name], a_key_of_a_request()
    elsewhere = Deed("", "/tenants/{tenant_id}/api-keys" if name == "room" else "/rooms", {"name": "X"})
    elsewhere = elsewhere if deed.by != "operator" else Deed("", "/tenants/{tenant_id}/api-keys", {"name": "X"})
    before = send(http, scene, elsewhere, key, headers=by(scene.operator) if deed.by == "operator" else None)
    counted = rows(tools)

    first = send(http, scene, deed, key)
    assert rows(tools) != counted
    again = [nothing_done(tools, lambda: send(http, scene, deed, key)) for _ in range(2)]
    other = nothing_done(tools, lambda: send(http, scene, deed, key, body=deed.other))

    assert (before.status_code, first.status_code // 100) == (201, 2)
    assert not is_replay(before)
    assert not is_replay(first)
    for each in again:
        assert is_replay(each)
        assert (each.status_code, each.data, each.content_type) == (first.status_code, first.data, first.content_type)
        assert each.headers["Cache-Control"] == "no-store"
    assert (other.status_code, other.json["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert "X-API-Key-Status" not in other.headers or name == "rotate with grace"
    anew = send(http, scene, deed, a_key_of_a_request())
    assert (anew.status_code == 401) == deed.retires
    assert anew.data != first.data


@pytest.mark.parametrize("name", [name for name, deed in DEEDS.items() if deed.by != "body"])
def test_nobody_else_is_told_anything(http, tools, scene, name):
    """
    B8, CONTRACT 3: another key of the tenant, another tenant and an operator who guess the Idempotency-Key get what
    they would have got without it.
    """
    deed, key = DEEDS[name], a_key_of_a_request()
    others = [another_key(tools, scene.tenant).api_key, a_tenant(tools).api_key, an_operator(tools)]
    first = send(http, scene, deed, key)

    answers = [send(http, scene, deed, key, headers=by(other)) for other in others]

    assert first.status_code // 100 == 2
    for answer in answers:
        assert not is_replay(answer)
        assert answer.data != first.data
        assert answer.status_code in {first.status_code, 401, 403, 404, 409}
        assert "IDEMPOTENCY" not in answer.text
    assert 2 in {answer.status_code // 100 for answer in answers} or deed.path.endswith("/rotate")


@pytest.mark.parametrize("name", ["room", "bulk"])
def test_each_session_asks_for_itself(http, tools, scene, name):
    """
    CONTRACT 3: two sessions of one key, and the key, with one Idempotency-Key: three requests; each has its own retry.
    """
    deed, key = DEEDS[name], a_key_of_a_request()
    callers = [bearer(a_pair(tools, scene.tenant).access_token) for _ in range(2)] + [by(scene.tenant.api_key)]

    firsts = [send(http, scene, deed, key, headers=each) for each in callers]
    again = [send(http, scene, deed, key, headers=each) for each in callers]

    assert not any(is_replay(each) for each in firsts)
    assert all(is_replay(each) for each in again)
    assert len({each.data for each in firsts}) == 3
    assert [each.data for each in again] == [each.data for each in firsts]


def test_an_idempotency_key_that_is_none_is_refused(http, tools, scene):
    """
    CONTRACT 3: 16 to 255 printable characters, or 400 and nothing is done; whoever is unknown is told that instead.
    """
    wrong = ("x" * 15, "x" * 256, "", "x" * 15 + "é", "x" * 15 + "\x7f")
    asks = [(deed, key) for deed in DEEDS.values() for key in (wrong if deed.route == "rooms.create" else wrong[:1])]

    answers = [nothing_done(tools, partial(send, http, scene, deed, key)) for deed, key in asks]
    strangers = [
        nothing_done(tools, partial(send, http, scene, deed, "short", headers=by("sk_live_nobody")))
        for deed in DEEDS.values()
        if deed.by != "body"
    ]

    assert {(each.status_code, each.json["error"]["details"][0]["field"]) for each in answers} == {
        (400, "Idempotency-Key")
    }
    assert {each.status_code for each in strangers} == {401}
    assert [send(http, scene, DEEDS["room"], "~" * length).status_code for length in (16, 255)] == [201, 201]


def test_a_day_later_it_is_another_request(http, tools, scene, clock):
    """
    CONTRACT 3: a reply is kept for 24 hours, and not a moment longer.
    """
    deeds = [deed for name, deed in DEEDS.items() if name in BY_KEY or deed.by == "operator"]
    key = a_key_of_a_request()
    # One for each path: of two exchanges, the second said something else.
    deeds = list({deed.path: deed for deed in deeds}.values())
    first = [send(http, scene, deed, key) for deed in deeds]

    clock.step(hours=24, seconds=-1)
    late = [send(http, scene, deed, key) for deed in deeds]
    clock.step(seconds=1)
    too_late = [send(http, scene, deed, key) for deed in deeds]
    again = [send(http, scene, deed, key) for deed in deeds]

    assert [each.data for each in late] == [each.data for each in first]
    for old, new, retried in zip(first, too_late, again, strict=True):
        assert (new.status_code, is_replay(new)) == (old.status_code, False)
        assert new.data != old.data
        assert (is_replay(retried), retried.data) == (True, new.data)


def test_what_was_refused_is_not_remembered(http, tools, scene):
    """
    CONTRACT 3: the same request works as soon as it can, and one that was malformed may be mended under its key.
    """
    tenant, key, full = f"{API}/tenants/{scene.tenant.id}", a_key_of_a_request(), a_key_of_a_request()
    owner = by(scene.tenant.api_key)
    http.patch(tenant, json={"max_participants_per_room": 1, "max_concurrent_rooms": 1}, headers=owner)
    deeds = [DEEDS[name] for name in ("room", "admit", "exchange for")]

    malformed = [nothing_done(tools, partial(send, http, scene, deed, full, body={"x": 1})) for deed in deeds]
    refused = [nothing_done(tools, partial(send, http, scene, deed, full)) for deed in deeds]
    ended = {"participants": [{"display_name": "Eve"}]}
    gone = {"room_id": "room_01h455vb4pex5vsknk084sn02q"}
    bulk = f"{API}/rooms/{gone['room_id']}/participants/bulk"
    missing = [http.post(bulk, json=ended, headers={**owner, "Idempotency-Key": key}) for _ in range(2)]
    http.patch(tenant, json={"max_participants_per_room": 9, "max_concurrent_rooms": 9}, headers=owner)
    done = [send(http, scene, deed, full) for deed in deeds]

    assert {each.status_code for each in malformed} == {400}
    assert {each.status_code for each in refused} == {409}
    assert {each.status_code for each in missing} == {404}
    assert all(each.status_code // 100 == 2 and not is_replay(each) for each in done)
    assert all(is_replay(send(http, scene, deed, full)) for deed in deeds)


@pytest.mark.parametrize("ending", ENDINGS)
def test_who_has_lost_their_authority_fetches_nothing(http, scene, ending):
    """
    B10: deliberate revocation beats every retry: the end of the key or the tenant is the end of its replies.
    """
    replies = {name: (a_key_of_a_request(), DEEDS[name]) for name in BY_KEY}
    assert {send(http, scene, deed, key).status_code // 100 for key, deed in replies.values()} == {2}

    assert ENDINGS[ending](http, scene).status_code == 200
    answers = [send(http, scene, deed, key) for key, deed in replies.values()]

    assert {each.status_code for each in answers} == {403 if ending == "suspended" else 401}
    assert not any(is_replay(each) for each in answers)


def test_a_token_that_is_over_fetches_nothing(http, scene, tools):
    """
    B10: a host who was removed or demoted, and a session that was revoked, have no retry left.
    """
    owner, key, admit = by(scene.tenant.api_key), a_key_of_a_request(), DEEDS["admit"]
    hosts = [admitted(http, scene.room_id, owner, role="host", display_name=name) for name in "ABC"]
    tokens = [bearer(host["access_token"]) for host in hosts]
    ids = [f"{API}/rooms/{scene.room_id}/participants/{host['participant']['id']}" for host in hosts]
    assert {send(http, scene, admit, key, headers=each).status_code for each in tokens} == {201}

    http.delete(ids[0], headers=owner)
    http.patch(ids[1], json={"role": "viewer"}, headers=owner)
    http.post(f"{API}/auth/revoke", json={"refresh_token": hosts[2]["refresh_token"]})

    assert {send(http, scene, admit, key, headers=each).status_code for each in tokens} == {401}


def test_a_key_in_its_grace_says_so_when_it_asks_again(http, scene):
    """
    CONTRACT 3: using a key in its grace answers with X-API-Key-Status, a retry like any other request.
    """
    grace = send(http, scene, DEEDS["rotate with grace"], a_key_of_a_request())
    key = a_key_of_a_request()

    for deed in (DEEDS["exchange"], DEEDS["room"]):
        first, again = (send(http, scene, deed, key) for _ in range(2))
        assert is_replay(again)
        assert again.headers["X-API-Key-Status"] == first.headers["X-API-Key-Status"]
    assert json.loads(grace.data)["data"]["api_key"]
