"""One refresh token, used 32 times in the same moment: over four processes and over threads, on both databases."""

import base64
from functools import partial

import pytest

from tests.adversary.races import a_token, at_once, family_of, racers, refresh
from tests.adversary.rounds import rounds

RACERS = 32
ROUNDS = rounds(50)


@pytest.fixture(scope="module", params=["threads", "processes"])
def way(request):
    return request.param


@pytest.fixture(scope="module")
def strict(way, database_url, make_app):
    """Lines to a server in its usual settings."""
    with racers(way, RACERS, database_url, make_app) as lines:
        yield lines


@pytest.fixture(scope="module")
def lenient(way, database_url, make_app):
    """Lines to a server that forgives for ten seconds."""
    with racers(way, RACERS, database_url, make_app, REFRESH_RETRY_SECONDS="10") as lines:
        yield lines


def over_oauth(line, tenant, token, key):
    basic = base64.b64encode(f"{tenant.id}:{tenant.api_key}".encode()).decode()
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return line.send("/oauth/token", form=form, headers={"Authorization": f"Basic {basic}", "Idempotency-Key": key})


def the_one_successor(answers):
    """Give what everyone was answered with, all of them 200 and all the same bytes."""
    assert [answer.status for answer in answers] == [200] * len(answers), [answer.body for answer in answers]
    (successor,) = {answer.refresh_token for answer in answers}
    return successor


def test_one_request_in_many_copies_moves_the_session_by_one_step(strict, tenant, tools):
    """
    C3, I1, I4, I5: copies of a refresh with its Idempotency-Key all get the same successor, which is refreshed next.
    """
    token = a_token(tools, tenant)

    for number in range(1, ROUNDS + 1):
        copies = at_once([partial(refresh, line, token, f"request-{number:016}") for line in strict])

        token = the_one_successor(copies)
        assert family_of(token, tools).generation == number + 1

    assert refresh(strict[0], token).status == 200
    assert family_of(token, tools).revoked_at is None


def test_a_client_that_races_itself_is_forgiven_within_the_window(lenient, tenant, tools):
    """
    C3, I1, I5: with `refresh_retry_seconds`, the same holds for a client that sends no Idempotency-Key.
    """
    token = a_token(tools, tenant)

    for number in range(1, ROUNDS + 1):
        copies = at_once([partial(refresh, line, token) for line in lenient])

        token = the_one_successor(copies)
        assert family_of(token, tools).generation == number + 1

    assert refresh(lenient[0], token).status == 200
    assert family_of(token, tools).revoked_at is None


def test_both_dialects_lead_to_the_same_successor(strict, tenant, tools):
    """
    C3, I1: it does not matter through which doors the copies of a request come in.
    """
    token = a_token(tools, tenant)

    for number in range(1, ROUNDS + 1):
        key = f"request-{number:016}"
        in_chalk = [partial(refresh, line, token, key) for line in strict[::2]]
        in_oauth = [partial(over_oauth, line, tenant, token, key) for line in strict[1::2]]
        copies = at_once(in_chalk + in_oauth)

        token = the_one_successor(copies)
        assert family_of(token, tools).generation == number + 1

    assert refresh(strict[0], token).status == 200


def test_strictly_a_second_use_is_reuse_however_close_it_comes(strict, tenant, tools):
    """
    C2, C3, I1, I2: without an Idempotency-Key one request wins, and its successor and access token die with the family.
    """
    for _ in range(ROUNDS):
        token = a_token(tools, tenant)

        answers = at_once([partial(refresh, line, token) for line in strict])

        (winner,) = [answer for answer in answers if answer.status == 200]
        losers = [answer for answer in answers if answer is not winner]
        assert {(loser.status, loser.code) for loser in losers} == {(401, "INVALID_REFRESH_TOKEN")}
        family = family_of(token, tools)
        assert (family.generation, family.revoke_reason) == (2, "reuse")
        assert refresh(strict[0], winner.refresh_token).code == "INVALID_REFRESH_TOKEN"
        bearer = {"Authorization": f"Bearer {winner.body['data']['access_token']}"}
        assert strict[0].send("/api/v1/rooms", headers=bearer).status == 401


def test_a_thief_who_races_the_owner_gains_no_second_token_and_is_caught(strict, tenant, tools):
    """
    C2, C3, I1: whoever wins, replays without the owner's Idempotency-Key end the family, and nothing forks before that.
    """
    for number in range(ROUNDS):
        token = a_token(tools, tenant)
        owner, thief = strict[::2], strict[1::2]

        copies = [partial(refresh, line, token, f"request-{number:016}") for line in owner]
        replays = [partial(refresh, line, token) for line in thief[:-1]]
        guesses = [partial(refresh, thief[-1], token, "a-guess-of-the-thief")]
        answers = at_once(copies + replays + guesses)

        assert {answer.status for answer in answers} == {200, 401}
        (successor,) = {answer.refresh_token for answer in answers if answer.status == 200}
        family = family_of(token, tools)
        assert (family.generation, family.revoke_reason) == (2, "reuse")
        assert refresh(strict[0], successor, f"request-{number:016}").status == 401
