"""Refreshing: the table of CONTRACT 5, as a client and a thief see it."""

import dataclasses

import pytest

from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidRefreshTokenError
from tests.builders import a_pair


def refresh(token, tools, key=None):
    return refresh_access(Refresh(token, idempotency_key=key), tools)


def test_every_use_replaces_the_refresh_token(tenant, tools):
    """
    C1: a refresh gives a new refresh token and a new access token.
    """
    first = a_pair(tools, tenant)

    second = refresh(first.refresh_token, tools)

    assert second.refresh_token != first.refresh_token
    assert second.access_token != first.access_token


def test_a_reused_refresh_token_revokes_its_whole_family(tenant, tools):
    """
    C2: when a spent token comes back, neither the owner nor the thief keeps a working link.
    """
    first = a_pair(tools, tenant)
    second = refresh(first.refresh_token, tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(first.refresh_token, tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(second.refresh_token, tools)


def test_a_lost_answer_is_given_again_to_the_same_request(tenant, tools):
    """
    I5: the same Idempotency-Key fetches the same successor, byte for byte, and it works.
    """
    first = a_pair(tools, tenant)
    lost = refresh(first.refresh_token, tools, key="request-0123456789")

    again = refresh(first.refresh_token, tools, key="request-0123456789")

    assert again.refresh_token == lost.refresh_token
    assert again.access_token != lost.access_token
    assert refresh(again.refresh_token, tools).refresh_token


def test_within_the_window_a_spent_token_is_answered_again(tenant, tools, clock):
    """
    With `refresh_retry_seconds`, a client that cannot send the header is forgiven for so long, and no longer.
    """
    lenient = dataclasses.replace(tools, families=dataclasses.replace(tools.families, retry_seconds=10))
    first = a_pair(lenient, tenant)
    second = refresh(first.refresh_token, lenient)

    clock.step(seconds=10)
    again = refresh(first.refresh_token, lenient)
    clock.step(microseconds=1)

    assert again.refresh_token == second.refresh_token
    with pytest.raises(InvalidRefreshTokenError):
        refresh(first.refresh_token, lenient)
