"""One request many times at once, with one Idempotency-Key: one thing is done, and everybody is told the same."""

from functools import partial

import pytest

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.results import Changes
from tests.adversary.races import at_once, racers
from tests.builders import Tenant
from tests.deeds import API, DEEDS, REPLAYED, a_key_of_a_request, a_scene, rows
from tests.named_keys import works

LINES = 16


@pytest.fixture(scope="module")
def lines(database_url, make_app):
    with racers("threads", LINES, database_url, make_app) as opened:
        yield opened


def ask(line, scene, name, key, body):
    """Send it over a line; what has no body is sent with an empty one here."""
    deed, sender = DEEDS[name], {"tenant": scene.tenant.api_key, "operator": scene.operator}
    headers = {"Idempotency-Key": key} | ({} if deed.by == "body" else {"X-API-Key": sender[deed.by]})
    return line.send(API + scene.told(deed.path), told(scene, body or {}), headers=headers)


def told(scene, content):
    """Fill in the names of what is there, wherever they stand."""
    if isinstance(content, dict):
        return {name: told(scene, value) for name, value in content.items()}
    return scene.told(content) if isinstance(content, str) else content


def added(before, after):
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize("name", ["exchange", "tenant", "key", "room", "admit", "bulk"])
def test_of_many_at_once_one_is_done_and_all_are_told(lines, tools, name):
    """
    CONTRACT 3, B6: sixteen at once: as much is done as one does, and each of them has its answer, secret included.
    """
    alone, scene = a_scene(tools), a_scene(tools)
    before = rows(tools)
    ask(lines[0], alone, name, a_key_of_a_request(), DEEDS[name].body)
    by_one = added(before, rows(tools))
    key, before = a_key_of_a_request(), rows(tools)

    answers = at_once([partial(ask, line, scene, name, key, DEEDS[name].body) for line in lines])

    assert {answer.status // 100 for answer in answers} == {2}
    assert len({str((answer.status, answer.body)) for answer in answers}) == 1
    if name != "bulk":
        # Of many that are busy with the parts, none need have found the whole.
        assert sum(answer.headers.get(REPLAYED.lower()) is None for answer in answers) == 1
    assert added(before, rows(tools)) == by_one


@pytest.mark.parametrize("name", ["exchange", "rotate with grace", "bulk"])
def test_of_different_ones_at_once_one_is_done_and_the_others_are_refused(lines, tools, name):
    """
    CONTRACT 3: two bodies with one Idempotency-Key: whichever came first is answered, the other is 409.
    """
    scene, key, deed = a_scene(tools), a_key_of_a_request(), DEEDS[name]
    bodies = [deed.body, deed.other] * (LINES // 2)

    answers = at_once([partial(ask, line, scene, name, key, b) for line, b in zip(lines, bodies, strict=True)])

    told_of = [{(answer.status, str(answer.body)) for answer in answers[half::2]} for half in (0, 1)]
    assert [len(each) for each in told_of] == [1, 1]
    assert sorted(status // 100 for ((status, _),) in told_of) == [2, 4]
    assert "IDEMPOTENCY_KEY_REUSED" in str(told_of)


def test_no_pair_of_requests_keeps_a_key_from_being_ended(lines, tools):
    """
    B10, I3: with one Idempotency-Key for exchanges of both kinds, which lock in different orders, a suspension comes
    through: nobody waits in a circle, and nobody gets a 503 for it.
    """
    for _ in range(3):
        scene, key = a_scene(tools), a_key_of_a_request()
        operator = authenticate_api_key(scene.operator, tools)
        bodies = [DEEDS["exchange"].body, DEEDS["exchange for"].body] * 7
        exchanges = [partial(ask, line, scene, "exchange", key, b) for line, b in zip(lines, bodies, strict=False)]
        suspend = partial(change_tenant, operator, scene.tenant.id, Changes(suspended=True), tools)

        *answers, changed = at_once([*exchanges, suspend])

        assert changed.suspended
        assert {answer.status for answer in answers} <= {200, 403, 409}


def test_of_a_rotation_and_its_retries_one_key_comes(lines, tools):
    """
    B6: those that are sent while it is done, and those that find the key dead, get one successor, and it works.
    """
    for _ in range(4):
        scene, key = a_scene(tools), a_key_of_a_request()
        rotate = partial(ask, scene=scene, name="rotate", key=key, body=None)

        answers = at_once([partial(rotate, line) for line in lines]) + [rotate(line) for line in lines[:3]]

        assert {answer.status for answer in answers} == {200}
        (text,) = {answer.body["data"]["api_key"] for answer in answers}
        assert works(tools, Tenant(scene.tenant.id, text))
        assert not works(tools, scene.tenant)
