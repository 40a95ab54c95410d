"""RFC 8693: whoever guesses at keys where keys are subjects is stopped like everybody else who does."""

import itertools

import pytest

from tests.builders import a_key_holding, a_room
from tests.exchanging import API_KEY, TOKEN, asked, assert_is_refused
from tests.guessers import DOORS, SOURCE, STRICT, Secrets, at, id_of
from tests.protocol.test_rfc6749_guesses import assert_is_limited

_TIMES = itertools.count(1)


@pytest.fixture(scope="module")
def strict_app(make_app):
    """An application with strict limits."""
    return make_app(**STRICT)


@pytest.fixture
def strict(strict_app, clock):
    """A client of it, hours after anybody else was there."""
    clock.step(hours=2 * next(_TIMES))
    return strict_app.test_client()


def test_guesses_at_keys_are_throttled_where_keys_are_subjects(strict, tools, tenant):
    """
    A17, L: wrong, unknown, dead and malformed subjects count for their source like any guess, and then nothing new is
    heard from there; the client that worked there lately is, and so is its owner's key from anywhere.
    """
    owner, room_id = Secrets(tools, tenant), a_room(tools, tenant)

    def guess(wrong, source=SOURCE):
        sent = asked(wrong, room_id, subject_token_type=API_KEY)
        return strict.post(TOKEN, data=sent, auth=(tenant.id, tenant.api_key), **at(source))

    for wrong in [*owner.wrong, owner.wrong[0]]:
        assert_is_refused(guess(wrong.api_key), "invalid_request")
    for wrong in owner.wrong:
        assert_is_limited(guess(wrong.api_key), TOKEN, "source", 5)

    assert guess(tenant.api_key).status_code == 200
    assert DOORS["rooms"](strict, tenant, SOURCE).status_code == 200
    assert guess(tenant.api_key, "192.0.2.2").status_code == 200


def test_guesses_at_one_key_are_throttled_from_wherever(strict, tools, tenant):
    """
    A17, L: the fourth wrong secret under the id of one key is 429, whoever presents it; the right one is exchanged.
    """
    client, room_id = a_key_holding("rooms:read", tenant, tools), a_room(tools, tenant)
    wrong = Secrets(tools, tenant)

    def guess(subject, number):
        source = at(f"198.51.100.{number}")
        return strict.post(TOKEN, data=asked(subject, room_id), auth=(client.id, client.api_key), **source)

    answers = [guess(wrong.named().api_key, number) for number in range(5)]

    assert [answer.status_code for answer in answers] == [400] * 3 + [429] * 2
    assert_is_limited(answers[-1], TOKEN, "credential", 3)
    assert id_of(tenant) not in answers[-1].text
    assert guess(tenant.api_key, 4).status_code == 200
