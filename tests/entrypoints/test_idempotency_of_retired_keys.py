"""A key that replaced itself and lost the answer: for ten minutes it may fetch that, and can do nothing else."""

import base64

import pytest

from app.domain.api_keys.format import compose
from app.entrypoints.wiring import wiring_of
from app.foundation.opaque import random_base62
from tests.builders import Tenant
from tests.deeds import API, DEEDS, Deed, a_key_of_a_request, a_scene, is_replay, nothing_done, send
from tests.guessers import STRICT, at, told
from tests.named_keys import a_named_key, details, name_of, rotated, works
from tests.participants import by

ITSELF = [name for name, deed in DEEDS.items() if deed.retires]
KEY = "the-key-of-a-rotation"


@pytest.fixture
def scene(tools, clock):
    """A tenant with a key."""
    return a_scene(tools)


def successor(answer, scene):
    return Tenant(scene.tenant.id, answer.json["data"]["api_key"])


@pytest.mark.parametrize("name", ITSELF)
def test_a_key_that_replaced_itself_fetches_its_successor_for_ten_minutes(http, tools, scene, clock, name):
    """
    CONTRACT 3, B5: the same bytes as often as it asks, one successor; then never again, and nothing else meanwhile.
    """
    path, first = DEEDS[name].path, send(http, scene, DEEDS[name], KEY)
    clock.step(minutes=10, microseconds=-1)
    again = [nothing_done(tools, lambda: send(http, scene, DEEDS[name], KEY)) for _ in range(2)]
    other = send(http, scene, DEEDS[name], KEY, body=DEEDS[name].other)
    anything = [
        http.get(f"{API}/tenants/{scene.tenant.id}", headers=by(scene.tenant.api_key) | {"Idempotency-Key": KEY}),
        *(send(http, scene, deed, KEY) for deed in DEEDS.values() if deed.by != "operator" and deed.path != path),
    ]
    clock.step(microseconds=1)
    too_late = send(http, scene, DEEDS[name], KEY)

    assert {(is_replay(each), each.status_code, each.data) for each in again} == {(True, first.status_code, first.data)}
    assert again[0].headers["Cache-Control"] == "no-store"
    assert "X-API-Key-Status" not in again[0].headers
    assert (other.status_code, other.json["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert {each.status_code for each in [*anything, too_late]} == {401}
    new = successor(first, scene)
    assert works(tools, new)
    assert details(tools, new, scene.tenant).replaced_by == new.api_key[8:16]


def test_after_its_grace_it_fetches_too(http, scene, clock):
    """
    CONTRACT 3: in its grace a key asks again like any other, and after that until ten minutes are over.
    """
    first, in_grace = (send(http, scene, DEEDS["rotate with grace"], KEY) for _ in range(2))
    clock.step(seconds=60)
    after = send(http, scene, DEEDS["rotate with grace"], KEY)
    clock.step(minutes=9)
    late = send(http, scene, DEEDS["rotate with grace"], KEY)

    assert first.data == in_grace.data == after.data
    assert ("X-API-Key-Status" in in_grace.headers, "X-API-Key-Status" in after.headers) == (True, False)
    assert late.status_code == 401


@pytest.mark.parametrize("name", ITSELF)
def test_whoever_has_nothing_to_fetch_is_told_one_and_the_same(http, tools, scene, name):
    """
    B3: an unknown key, a wrong one of this id, one that was revoked and one without the right Idempotency-Key get the
    same 401, header for header, whether they send an Idempotency-Key or not.
    """
    revoked = a_named_key(tools, scene.tenant)
    http.delete(f"{API}/tenants/{scene.tenant.id}/api-keys/{name_of(revoked)}", headers=by(scene.tenant.api_key))
    old = scene.tenant.api_key
    assert send(http, scene, DEEDS[name], KEY).status_code // 100 == 2
    wrong = compose("sk", "live", old[8:16], random_base62(32))
    nobody = compose("sk", "live", random_base62(8), random_base62(32))

    answers = [send(http, scene, DEEDS[name], None, headers=by(nobody))]
    answers += [send(http, scene, DEEDS[name], KEY, headers=by(k)) for k in (wrong, nobody, "x", revoked.api_key)]
    answers += [send(http, scene, DEEDS[name], key) for key in (None, "short", a_key_of_a_request(), "x" * 300)]

    for answer in answers:
        # It says that the body was not read, which depends on the Idempotency-Key alone.
        answer.headers.pop("Connection", None)
    assert answers[0].status_code == 401
    assert {str(told(each)) for each in answers} == {str(told(answers[0]))}


def of_key(scene, key, *then):
    return "/".join([f"{API}/tenants/{scene.tenant.id}/api-keys/{name_of(key)}", *then])


ENDINGS = {
    "deleted": lambda http, scene, by_new: http.delete(of_key(scene, scene.tenant), headers=by_new),
    "compromised": lambda http, scene, by_new: http.post(
        of_key(scene, scene.tenant, "rotate"), json={"reason": "compromised"}, headers=by_new
    ),
    "replaced again": lambda http, scene, by_new: http.post(
        f"{API}/tenants/{scene.tenant.id}/rotate-key", json={"grace_period": 600}, headers=by_new
    ),
    "closed": lambda http, scene, _: http.delete(f"{API}/tenants/{scene.tenant.id}", headers=by(scene.operator)),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_key_that_was_ended_since_fetches_nothing(http, tools, scene, ending):
    """
    B10: deleted, reported as compromised, its tenant closed, or its successor used to make the next: it is over.
    """
    first = send(http, scene, DEEDS["rotate"], KEY)
    assert is_replay(send(http, scene, DEEDS["rotate"], KEY))

    answer = ENDINGS[ending](http, scene, by(first.json["data"]["api_key"]))

    # Of a key that was replaced, these say that it had ended before; and end this all the same.
    assert answer.status_code == {"deleted": 404, "compromised": 409}.get(ending, 200)
    assert send(http, scene, DEEDS["rotate"], KEY).status_code == 401
    assert works(tools, successor(first, scene)) == (ending != "closed")


def test_a_suspended_tenant_fetches_nothing_until_it_may_act(http, scene):
    """
    B10: the holder of the right key is told why, and gets the answer when the tenant acts again.
    """
    first = send(http, scene, DEEDS["rotate"], KEY)
    tenant = f"{API}/tenants/{scene.tenant.id}"

    http.patch(tenant, json={"status": "suspended"}, headers=by(scene.operator))
    paused = send(http, scene, DEEDS["rotate"], KEY)
    http.patch(tenant, json={"status": "active"}, headers=by(scene.operator))

    assert (paused.status_code, paused.json["error"]["code"]) == (403, "TENANT_SUSPENDED")
    assert send(http, scene, DEEDS["rotate"], KEY).data == first.data


@pytest.mark.parametrize("path", ["/tenants/{tenant_id}/rotate-key", "/tenants/{tenant_id}/api-keys/{own_id}/rotate"])
def test_a_compromised_key_fetches_nothing(http, scene, path):
    """
    CONTRACT 3: who says that a key was compromised keeps it from everything at once.
    """
    deed = Deed("", path, {"reason": "compromised"})

    first, again = (send(http, scene, deed, KEY) for _ in range(2))

    assert (first.status_code // 100, again.status_code) == (2, 401)


def test_a_key_that_somebody_else_replaced_fetches_nothing(http, scene, tools):
    """
    CONTRACT 3: only its own rotation; not the one of an operator or of another key, with the same Idempotency-Key.
    """
    deed = DEEDS["rotate itself"]
    assert send(http, scene, deed, KEY, headers=by(scene.operator)).status_code == 201

    assert send(http, scene, deed, KEY).status_code == 401
    assert rotated(tools, scene.spare, scene.spare).api_key


def test_it_fetches_from_where_it_may_be_used(http, scene, tools):
    """
    CONTRACT 3: the networks of a key hold for this too, and its holder is told so.
    """
    keys = f"{API}/tenants/{scene.tenant.id}"
    here = a_named_key(tools, scene.tenant, networks=["127.0.0.1"])
    headers = by(here.api_key) | {"Idempotency-Key": KEY}
    first = http.post(f"{keys}/rotate-key", headers=headers)

    elsewhere = http.post(f"{keys}/rotate-key", headers=headers, **at("192.0.2.9"))

    assert elsewhere.status_code == 403
    assert http.post(f"{keys}/rotate-key", headers=headers).data == first.data


def test_nobody_who_guesses_at_it_is_in_its_way(start):
    """
    A17: with the limits of its source and of its own used up by others, it fetches its successor; that is no guess.
    """
    app = start(**STRICT)
    http, tools = app.test_client(), wiring_of(app).tools
    scene = a_scene(tools)
    headers = by(scene.tenant.api_key) | {"Idempotency-Key": KEY}
    path = f"{API}/tenants/{scene.tenant.id}/rotate-key"
    first = http.post(path, headers=headers)
    wrong = compose("sk", "live", scene.tenant.api_key[8:16], random_base62(32))

    guesses = [http.post(path, headers=by(wrong) | {"Idempotency-Key": KEY}).status_code for _ in range(9)]
    again = [http.post(path, headers=headers) for _ in range(9)]

    assert guesses == [401] * 3 + [429] * 6
    assert {(each.status_code, each.data) for each in again} == {(200, first.data)}


def test_a_host_without_the_master_key_tells_nobody_more_than_a_stranger(start):
    """
    B3, CONTRACT 7: there is no reply that it could find, and a key that is dead is answered like any other.
    """
    new = base64.b64encode(bytes(range(32))).decode()
    app, other = start(), start(MASTER_KEY=new)
    scene = a_scene(wiring_of(app).tools)
    assert send(app.test_client(), scene, DEEDS["rotate"], KEY).status_code == 200

    answer = send(other.test_client(), scene, DEEDS["rotate"], KEY)
    stranger = send(other.test_client(), scene, DEEDS["rotate"], a_key_of_a_request())

    assert (answer.status_code, answer.data) == (stranger.status_code, stranger.data)
    assert answer.status_code == 401
