"""The express door (docs/decisions/0025-express.md): nobody can tell from an answer which door gave it."""

import io
import json
import logging
import re
from typing import Any

import pytest

from app.foundation.logs import JsonLines
from tests.assertions import a_key, an_assertion, form, register
from tests.builders import a_tenant, an_operator
from tests.databases import take_away
from tests.guessers import Secrets
from tests.token_requests import CASES, KEY, PLAIN, in_its_grace, spent
from tests.two_doors import OWN_ID, Scene, basic, doors, exchange, oauth, refresh

PROXIES = {"TRUSTED_PROXIES": "203.0.113.0/24"}


@pytest.fixture(scope="module")
def both(make_app):
    """Two applications, neither of which may hold a connection while it wants another."""
    return doors(make_app, DATABASE_POOL_SIZE="1", DATABASE_TIMEOUT_SECONDS="2")


def told(both, case, **later):
    """Give what either door tells, each about things of its own; they were made before either was asked."""
    asked = [list(case(Scene(door.tools, a_tenant(door.tools)))) for door in both]
    for step in later.values():
        step()
    reached = len(both[0].reached)
    answers = [[door.send(ask) for ask in asks] for door, asks in zip(both, asked, strict=True)]
    assert len(both[0].reached) == reached
    assert len(both[1].reached) >= len(asked[1])
    return answers


@pytest.mark.parametrize("name", CASES)
def test_both_doors_answer_alike_to_the_byte(both, name, clock):
    """
    The status line, every header in its place, and the body: of what is granted, and of what is refused.
    """
    express, framework = told(both, CASES[name])

    assert express == framework
    assert all(dict(answer.headers)["Content-Length"] for answer in express)


def test_both_doors_find_late_what_is_late(both, clock):
    """
    C7: a token past its end, and a key past its grace.
    """

    def case(scene):
        return [refresh(scene.pair().refresh_token), exchange(in_its_grace(scene).api_key)]

    express, framework = told(both, case, later=lambda: clock.step(days=31))

    assert express == framework
    assert {answer.status for answer in express} == {"401 UNAUTHORIZED"}


def test_both_doors_refuse_a_tenant_that_is_suspended(both, clock):
    """
    B10: in either dialect; so does a client that signs, for whom a key is no secret any more.
    """
    tenants = []

    def case(scene):
        tenants.append(scene.tenant)
        return [exchange(scene.tenant.api_key), oauth(PLAIN, basic(scene.tenant))]

    def suspend():
        http, by = both[1].app.test_client(), {"X-API-Key": an_operator(both[1].tools)}
        for each in tenants:
            http.patch(f"/api/v1/tenants/{each.id}", json={"status": "suspended"}, headers=by)

    express, framework = told(both, case, later=suspend)

    assert express == framework
    assert [answer.status for answer in express] == ["403 FORBIDDEN", "400 BAD REQUEST"]


def test_both_doors_hear_assertions_alike(both, clock):
    """
    RFC 7523: once; the second time it is no client's.
    """

    def case(scene):
        key = a_key()
        register(both[1].app.test_client(), scene.tenant, key)
        return [oauth(form(an_assertion(key, scene.tenant.id, clock.now())))] * 2

    express, framework = told(both, case)

    assert express == framework
    assert [answer.status for answer in express] == ["200 OK", "401 UNAUTHORIZED"]


def test_both_doors_keep_the_same_limits(make_app, clock):
    """
    A17: what is left is told alike; so is that nothing is left, to who asks too much and to who guesses.
    """
    strict = doors(make_app, REQUESTS_PER_KEY="2", GUESSES_PER_SOURCE="3", GUESSES_PER_CREDENTIAL="2", **PROXIES)

    def much(scene):
        return [
            exchange(scene.tenant.api_key),
            *[oauth(PLAIN, basic(scene.tenant))] * 2,
            exchange(scene.tenant.api_key),
        ]

    others = [refresh("x", {"REMOTE_ADDR": "198.51.100.7"})]
    others += [refresh("x", {"REMOTE_ADDR": "203.0.113.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"})]

    def guesses(scene):
        named = Secrets(scene.tools, scene.tenant).named()
        return [*[exchange(named.api_key)] * 3, *[refresh("x")] * 3, oauth(PLAIN, basic(named)), exchange("x"), *others]

    asked, guessed = told(strict, much), told(strict, guesses)

    assert asked[0] == asked[1]
    assert guessed[0] == guessed[1]
    assert [answer.status[:3] for answer in asked[0]] == ["200", "200", "429", "429"]
    assert [answer.status[:3] for answer in guessed[0]] == [*["401"] * 2, *["429"] * 6, "401", "429"]
    assert counts(strict[0]) == counts(strict[1])


def counts(door):
    """Read what an application has counted, but for how long things took."""
    text = door.app.test_client().get("/metrics").text
    return [
        line for line in text.splitlines() if re.match(r"chalk_(requests|refusals|tokens|request_seconds_count)", line)
    ]


def test_both_doors_leave_the_same_lines(both, clock):
    """
    A16: route, method, status, and whom it is about; a line behind a request says nothing of it any more.
    """

    def case(scene):
        right, wrong = basic(scene.tenant), exchange(KEY)
        return [exchange(scene.tenant.api_key), *spent(scene), oauth(PLAIN, right), oauth({}), wrong]

    lines = io.StringIO()
    handler, root = logging.StreamHandler(lines), logging.getLogger()
    handler.setFormatter(JsonLines(clock))
    root.addHandler(handler)
    try:
        told(both, case)
        both[0].send(refresh("x"))
        root.error("afterwards")
    finally:
        root.removeHandler(handler)

    *said, _, last = [json.loads(line) for line in lines.getvalue().splitlines()]
    said = [{**line, "ms": 0} for line in said if "request_id" in line]
    about = [{name: re.sub(r"_\w+$", "", str(value)) for name, value in line.items()} for line in said]
    assert about[: len(about) // 2] == about[len(about) // 2 :]
    assert {line["request_id"] for line in said} == {"request-of-mine"}
    assert sum(line["message"] == "request" for line in about) == 14
    assert set(last) == {"at", "level", "logger", "message"}


def test_both_doors_say_alike_that_the_fault_is_ours(start, own_database, request, clock):
    """
    CONTRACT 3, A21: 503 when the database is gone, also in the middle of it all; 500, and no more, for a bug.
    """
    both = doors(start, DATABASE_TIMEOUT_SECONDS="1")
    broken = doors(start)

    def case(scene):
        key, pair = scene.tenant.api_key, scene.pair()
        return [exchange(key), refresh(pair.refresh_token), oauth(PLAIN, basic(scene.tenant))]

    assert {answer.status for answer in told(both, case)[0]} == {"200 OK"}
    with both[0].tools.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE signing_keys SET private_jwe = 'broken'")
    bug = [[door.send(exchange(KEY)), door.send(oauth(PLAIN, basic(a_tenant(door.tools))))] for door in broken]

    def lose():
        for door in (*both, *broken):
            door.tools.database.close()
        take_away(own_database, lambda: request.getfixturevalue("postgres"))

    away = told(both, case, later=lose)

    assert bug[0] == bug[1]
    assert {answer.status for answer in bug[0]} == {"500 INTERNAL SERVER ERROR"}
    assert away[0] == away[1]
    assert {answer.status for answer in away[0]} == {"503 SERVICE UNAVAILABLE"}


def test_a_fault_in_telling_of_an_answer_takes_nobody_the_answer(make_app, caplog):
    """
    I5: what was done is answered, and the fault is in the log under the request's id; one before it is an error.
    """
    door, _ = doors(make_app)
    express: Any = door.app.wsgi_app
    tenant = a_tenant(door.tools)

    def break_down():
        raise ArithmeticError

    express.after.append(break_down)
    answer = door.send(exchange(tenant.api_key))
    assert (answer.status, dict(answer.headers)["X-Request-Id"]) == ("200 OK", OWN_ID)
    (told_of,) = (each for each in caplog.records if each.getMessage() == "unhandled")
    assert told_of.fields == {"request_id": OWN_ID}

    express.before.append(break_down)
    assert door.send(exchange(tenant.api_key)).status == "500 INTERNAL SERVER ERROR"
