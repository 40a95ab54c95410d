"""How long sessions last: judged when a token is presented, to the microsecond, by the clock of the server."""

import dataclasses
from datetime import timedelta

import pytest

from app.domain.refresh_tokens import Life
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidRefreshTokenError
from tests.builders import a_pair

KEY = "request-0123456789"


def refresh(token, tools, key=None):
    return refresh_access(Refresh(token, idempotency_key=key), tools)


@pytest.mark.parametrize("seconds", [30 * 86_400 - 1, -86_400])
def test_a_session_lives_while_it_is_used(tenant, tools, clock, seconds):
    """
    C7: every use renews the idle life of 30 days; a clock that was put back ends nothing.
    """
    pair = a_pair(tools, tenant)

    for _ in range(2):
        clock.step(seconds=seconds)
        pair = refresh(pair.refresh_token, tools)

    assert pair.refresh_token


def test_a_session_that_is_not_used_ends(tenant, tools, clock):
    """
    C7: at 30 days without use the token is refused, to the microsecond, and nothing needs to sweep for it.
    """
    pair = a_pair(tools, tenant)
    clock.step(days=30)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(pair.refresh_token, tools)

    clock.step(microseconds=-1)
    assert refresh(pair.refresh_token, tools).refresh_token


def test_a_session_ends_however_much_it_is_used(tenant, tools, clock):
    """
    C7: at 90 days it is over; its last access tokens end with it, and a retry brings nothing back.
    """
    pair = a_pair(tools, tenant)
    for _ in range(3):
        clock.step(days=29)
        pair = refresh(pair.refresh_token, tools, key=KEY)
    clock.step(days=3, minutes=-10)
    last = refresh(pair.refresh_token, tools, key=KEY)
    assert last.expires_in in {599, 600}
    clock.step(minutes=10)

    for presented in (last, pair):
        with pytest.raises(InvalidRefreshTokenError):
            refresh(presented.refresh_token, tools, key=KEY)


def test_an_access_token_may_live_shorter_than_its_session(tenant, tools, clock):
    """
    C7: a spent session leaves no access token that outlives its absolute end.
    """
    life = Life(idle=timedelta(days=1), absolute=timedelta(minutes=5))
    brief = dataclasses.replace(tools, families=dataclasses.replace(tools.families, of_tenants=life))

    assert a_pair(brief, tenant).expires_in in {299, 300}
