"""All sessions of a tenant end at once: those that could still be used, and no others."""

import pytest

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.end_sessions import end_sessions
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidRefreshTokenError
from app.flows.steps import Credential
from tests.builders import a_pair


def without_refresh_token(tools, tenant):
    return exchange_api_key(Exchange(Credential(secret=tenant.api_key)), tools)


def refresh(pair, tools):
    return refresh_access(Refresh(pair.refresh_token), tools)


def end_all(tools, tenant):
    return end_sessions(authenticate_api_key(tenant.api_key, tools), tenant.id, tools)


def test_what_was_over_by_itself_is_not_ended_again(tools, tenant, clock):
    """
    C15: all that live are ended, and so many are counted, however many others the tenant had lately.
    """
    for _ in range(5):
        without_refresh_token(tools, tenant)
    clock.step(hours=2)
    living = [a_pair(tools, tenant) for _ in range(2)]

    assert end_all(tools, tenant) == 2

    for each in living:
        with pytest.raises(InvalidRefreshTokenError):
            refresh(each, tools)
    assert end_all(tools, tenant) == 0


def test_what_may_live_by_another_clock_is_ended(tools, tenant, clock):
    """
    C15: hosts' clocks differ by a minute, so what is over by less, and what only idled, is ended like what lives.
    """
    idle = a_pair(tools, tenant)
    clock.step(days=31)
    without_refresh_token(tools, tenant)
    clock.step(hours=1, minutes=1)

    assert end_all(tools, tenant) == 2

    clock.step(days=-31)
    with pytest.raises(InvalidRefreshTokenError):
        refresh(idle, tools)
