"""Refreshing: the table of CONTRACT 5, as a client and a thief see it."""

import base64
import dataclasses
import json
import logging

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidAccessTokenError, InvalidRefreshTokenError, InvalidRequestError
from app.flows.revoke_token import revoke_token
from tests.builders import a_pair

KEY = "request-0123456789"


def refresh(token, tools, key=None):
    return refresh_access(Refresh(token, idempotency_key=key), tools)


def with_window(tools, seconds):
    return dataclasses.replace(tools, families=dataclasses.replace(tools.families, retry_seconds=seconds))


def generation(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["gen"]


@pytest.fixture
def told(caplog):
    """Give the events told since the last look, as (name, fields)."""
    caplog.set_level(logging.INFO, "chalk.events")

    def look():
        events = [(each.getMessage(), each.fields) for each in caplog.records if each.name == "chalk.events"]
        caplog.clear()
        return events

    return look


def test_every_use_replaces_the_refresh_token(tenant, tools):
    """
    C1: a refresh gives a new refresh token and a new access token.
    """
    first = a_pair(tools, tenant)

    second = refresh(first.refresh_token, tools)

    assert second.refresh_token != first.refresh_token
    assert second.access_token != first.access_token


def test_a_reused_refresh_token_revokes_its_whole_family(tenant, tools, told):
    """
    C2: when a spent token comes back, neither the owner nor the thief keeps a working link; the operator is told.
    """
    first = a_pair(tools, tenant)
    second = refresh(first.refresh_token, tools)
    third = refresh(second.refresh_token, tools)
    told()

    with pytest.raises(InvalidRefreshTokenError):
        refresh(first.refresh_token, tools)

    ((name, fields),) = told()
    assert (name, fields["behind"]) == ("refresh.reuse_detected", 2)
    for spent in (first, second, third):
        with pytest.raises(InvalidRefreshTokenError):
            refresh(spent.refresh_token, tools)
        with pytest.raises(InvalidAccessTokenError):
            authenticate_access_token(spent.access_token, tools)
    assert told() == []


def test_a_reuse_ends_no_other_session(tenant, tools):
    """
    C2: one family is revoked, and none beside it.
    """
    stolen, other = a_pair(tools, tenant), a_pair(tools, tenant)
    refresh(stolen.refresh_token, tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(stolen.refresh_token, tools)

    assert refresh(other.refresh_token, tools).refresh_token


def test_a_lost_answer_is_given_again_to_the_same_request(tenant, tools, told):
    """
    I5: the same Idempotency-Key fetches the same successor, byte for byte, any time later, and it works.
    """
    first = a_pair(tools, tenant)
    lost = refresh(first.refresh_token, tools, key=KEY)

    again = refresh(first.refresh_token, tools, key=KEY)

    assert [name for name, _ in told()][-1] == "refresh.retried"
    assert again.refresh_token == lost.refresh_token
    assert again.access_token != lost.access_token
    assert refresh(again.refresh_token, tools).refresh_token


@pytest.mark.parametrize("key", [None, "request-9876543210", KEY + "x", KEY.upper()])
def test_a_thief_without_the_key_of_the_request_is_caught(tenant, tools, key):
    """
    C2: to replay the token of a lost answer is a reuse for everyone but the client that made the request.
    """
    first = a_pair(tools, tenant)
    lost = refresh(first.refresh_token, tools, key=KEY)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(first.refresh_token, tools, key=key)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(lost.refresh_token, tools)


def test_the_key_of_one_session_opens_no_other(tenant, tools):
    """
    C11: the same Idempotency-Key in another family is another request.
    """
    one, other = a_pair(tools, tenant), a_pair(tools, tenant)
    refresh(one.refresh_token, tools, key=KEY)
    refresh(other.refresh_token, tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(other.refresh_token, tools, key=KEY)


def test_a_late_duplicate_is_refused_and_harms_nobody(tenant, tools, told):
    """
    I6: a copy of a request that was served before is no theft, as long as it is one of the last four rotations.
    """
    pairs = [a_pair(tools, tenant)]
    for number in range(5):
        pairs.append(refresh(pairs[-1].refresh_token, tools, key=f"{KEY}-{number}"))
    told()

    for late in (1, 2, 3):
        with pytest.raises(InvalidRefreshTokenError):
            refresh(pairs[late].refresh_token, tools, key=f"{KEY}-{late}")
    assert [name for name, _ in told()] == ["refresh.duplicate"] * 3
    pairs.append(refresh(pairs[-1].refresh_token, tools))

    with pytest.raises(InvalidRefreshTokenError):
        refresh(pairs[0].refresh_token, tools, key=f"{KEY}-0")
    assert [name for name, _ in told()] == ["refresh.reuse_detected"]


def test_within_the_window_a_spent_token_is_answered_again(tenant, tools, clock):
    """
    With `refresh_retry_seconds`, a client that cannot send the header is forgiven for so long, and no longer.
    """
    lenient = with_window(tools, 10)
    first = a_pair(lenient, tenant)
    second = refresh(first.refresh_token, lenient)

    clock.step(seconds=10)
    again = refresh(first.refresh_token, lenient)
    clock.step(microseconds=1)

    assert again.refresh_token == second.refresh_token
    with pytest.raises(InvalidRefreshTokenError):
        refresh(first.refresh_token, lenient)


def test_the_window_covers_the_immediate_parent_only(tenant, tools):
    """
    C11: once the successor was used, its parent is spent for good, however fast all this went.
    """
    lenient = with_window(tools, 60)
    first = a_pair(lenient, tenant)
    third = refresh(refresh(first.refresh_token, lenient).refresh_token, lenient)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(first.refresh_token, lenient)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(third.refresh_token, lenient)


def test_fifty_rotations_in_a_second_are_fifty_generations(tenant, tools):
    """
    C12: nothing depends on the second; each of the old tokens is a reuse.
    """
    for replayed in (0, 25, 48):
        pairs = [a_pair(tools, tenant)]
        for _ in range(50):
            pairs.append(refresh(pairs[-1].refresh_token, tools))
        assert [generation(pair.refresh_token) for pair in pairs] == list(range(1, 52))

        for presented in (pairs[replayed], pairs[-1]):
            with pytest.raises(InvalidRefreshTokenError):
                refresh(presented.refresh_token, tools)


def test_a_revoked_session_answers_no_retry(tenant, tools):
    """
    C10: deliberate revocation beats every retry.
    """
    lenient = with_window(tools, 60)
    first = a_pair(lenient, tenant)
    second = refresh(first.refresh_token, lenient, key=KEY)
    revoke_token(second.refresh_token, None, lenient)

    for presented in (first, second):
        with pytest.raises(InvalidRefreshTokenError):
            refresh(presented.refresh_token, lenient, key=KEY)


@pytest.mark.parametrize("key", ["", "x" * 15, "x" * 256, "é" * 20, "request\n0123456789", "\x7f" * 20])
def test_a_key_that_is_no_uuid_is_refused_and_spends_nothing(tenant, tools, key):
    """
    CONTRACT 5: 16 to 255 printable characters; a careless client is told before its token is touched.
    """
    pair = a_pair(tools, tenant)

    with pytest.raises(InvalidRequestError):
        refresh(pair.refresh_token, tools, key=key)

    for good in ("x" * 16, "~" * 255):
        pair = refresh(pair.refresh_token, tools, key=good)
