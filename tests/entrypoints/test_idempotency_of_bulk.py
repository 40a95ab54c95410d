"""Many admissions with one Idempotency-Key: each is a transaction of its own, and still all is done once."""

import contextlib
import sqlite3
from functools import partial

import psycopg
import pytest
from sqlalchemy import Engine, event

from tests.builders import a_room, an_operator
from tests.deeds import is_replay, nothing_done, rows
from tests.participants import by, people, reads

KEY = "the-key-of-a-bulk-request"


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


@pytest.fixture
def ask(http, tenant, room_id):
    """Send a bulk request for people of these names, to the room."""

    def send(*names, key=KEY):
        entries = [{"display_name": name} for name in names]
        headers = by(tenant.api_key) | {"Idempotency-Key": key}
        return http.post(people(room_id, "bulk"), json={"participants": entries}, headers=headers)

    return send


@contextlib.contextmanager
def at_the_nth_admission(number, error):
    """Raise an error in place of one insert of a participant."""
    inserts = []

    def note(_connection, _cursor, statement, *_rest):
        if statement.startswith("INSERT INTO participants"):
            inserts.append(statement)
            if len(inserts) == number:
                raise error

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def who(answer):
    """Tell what became of each: an id, or the code of a refusal."""
    return [
        each["admission"]["participant"]["id"] if "admission" in each else each["error"]["code"]
        for each in answer.json["data"]
    ]


def test_what_was_killed_midway_goes_on_where_it_was(http, tools, ask, room_id):
    """
    CONTRACT 3, I5: whoever was admitted before is not admitted again, and their tokens are the same; then all of it is
    one reply.
    """
    before = rows(tools)
    with at_the_nth_admission(3, RuntimeError("killed")):
        assert ask("Ada", "Bob", "Eve").status_code == 500
    midway = rows(tools)

    other = [nothing_done(tools, partial(ask, *names)) for names in (("Ada",), ("Ada", "Bob", "Eve", "Zoe"))]
    done = ask("Ada", "Bob", "Eve")
    again = nothing_done(tools, lambda: ask("Ada", "Bob", "Eve"))

    assert midway["participants"] - before["participants"] == 2
    assert {(each.status_code, each.json["error"]["code"]) for each in other} == {(409, "IDEMPOTENCY_KEY_REUSED")}
    assert (done.status_code, is_replay(done), is_replay(again)) == (200, False, True)
    assert again.data == done.data
    after = rows(tools)
    assert [after[name] - before[name] for name in ("participants", "families")] == [3, 3]
    assert len(set(who(done))) == 3
    assert {reads(http, room_id, each["admission"]["access_token"]) for each in done.json["data"]} == {200}


def test_a_fault_that_passes_is_not_kept_as_an_answer(backend, tools, ask):
    """
    CONTRACT 3: 503 for one of them: the retry admits that one, and gives the others as they were.
    """
    away = sqlite3.OperationalError("locked") if backend == "sqlite" else psycopg.OperationalError("gone")
    before = rows(tools)
    with at_the_nth_admission(2, away):
        first = ask("Ada", "Bob", "Eve")

    second, third = ask("Ada", "Bob", "Eve"), ask("Ada", "Bob", "Eve")

    assert who(first)[1] == "SERVICE_UNAVAILABLE"
    assert [who(second)[index] for index in (0, 2)] == [who(first)[index] for index in (0, 2)]
    assert first.json["data"][0] == second.json["data"][0]
    assert (is_replay(second), is_replay(third), third.data) == (False, True, second.data)
    assert rows(tools)["participants"] - before["participants"] == 3


def test_what_is_refused_for_good_stays_in_the_answer(http, tools, tenant, ask):
    """
    CONTRACT 3: the whole was answered 200, so its retry says the same, also of those who would find a place now.
    """
    path = f"/api/v1/tenants/{tenant.id}"
    http.patch(path, json={"max_participants_per_room": 1}, headers=by(tenant.api_key))
    first = ask("Ada", "Bob")
    http.patch(path, json={"max_participants_per_room": 9}, headers=by(tenant.api_key))

    again = nothing_done(tools, lambda: ask("Ada", "Bob"))

    assert who(first)[1] == "ROOM_FULL"
    assert (is_replay(again), again.data) == (True, first.data)


def test_a_room_that_is_over_is_refused_and_its_replies_stay(http, tools, tenant, ask, room_id):
    """
    CONTRACT 3: what was refused before it began takes no Idempotency-Key; what was answered is answered.
    """
    first = ask("Ada")
    http.post(f"/api/v1/rooms/{room_id}/end", headers=by(tenant.api_key))

    refused = [ask(name, key=KEY + "-2") for name in ("Ada", "Bob")]
    by_nobody = http.post(people(room_id, "bulk"), json={"participants": [{}]}, headers=by(an_operator(tools)))

    assert [each.json["error"]["code"] for each in refused] == ["ROOM_ENDED"] * 2
    assert by_nobody.status_code == 403
    assert (is_replay(ask("Ada")), ask("Ada").data) == (True, first.data)


def test_the_largest_request_is_kept_like_any_other(http, tools, tenant, ask):
    """
    CONTRACT 3: fifty at once, with a hundred tokens, are fetched again to the byte.
    """
    http.patch(f"/api/v1/tenants/{tenant.id}", json={"max_participants_per_room": 50}, headers=by(tenant.api_key))
    names = [f"{number} {'n' * 190}" for number in range(50)]

    first = ask(*names)
    again = nothing_done(tools, lambda: ask(*names))

    assert len(set(who(first))) == 50
    assert len(first.data) > 75_000
    assert (is_replay(again), again.data) == (True, first.data)
