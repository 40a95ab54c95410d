"""Revoking: whoever holds a token of a session may end it, and learns nothing."""

import logging

import pytest

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import AccessTokenExpiredError, InvalidAccessTokenError, InvalidRefreshTokenError
from app.flows.revoke_token import revoke_token
from app.flows.steps import Credential
from tests.builders import a_pair, a_tenant


def refresh(pair, tools):
    return refresh_access(Refresh(pair.refresh_token), tools)


@pytest.mark.parametrize("presented", [0, 1, 2])
def test_a_revoked_session_is_over(tenant, tools, presented):
    """
    G6, G7, C13: any of its refresh tokens, spent or not, ends the session with all its access tokens, at once.
    """
    pairs = [a_pair(tools, tenant)]
    for _ in range(2):
        pairs.append(refresh(pairs[-1], tools))

    revoke_token(pairs[presented].refresh_token or "", None, tools)

    for pair in pairs:
        with pytest.raises(InvalidRefreshTokenError):
            refresh(pair, tools)
        with pytest.raises(InvalidAccessTokenError):
            authenticate_access_token(pair.access_token, tools)


def test_no_other_session_is_touched(tenant, tools):
    """
    One session ends; its neighbours of the same key live on.
    """
    ended, other = a_pair(tools, tenant), a_pair(tools, tenant)

    revoke_token(ended.refresh_token or "", None, tools)

    assert refresh(other, tools).refresh_token


def test_an_expired_session_can_still_be_revoked(tenant, tools, clock):
    """
    I3: revoked while expired, it does not come back when a clock is put right.
    """
    pair = a_pair(tools, tenant)
    clock.step(days=91)
    revoke_token(pair.refresh_token or "", None, tools)
    clock.step(days=-91)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(pair, tools)


def test_an_expired_access_token_still_ends_its_session(tenant, tools, clock):
    """
    G7, C13: who holds nothing but an access token that has just run out ends the session with it all the same.
    """
    pair = a_pair(tools, tenant)
    clock.step(seconds=pair.expires_in)
    with pytest.raises(AccessTokenExpiredError):
        authenticate_access_token(pair.access_token, tools)

    revoke_token(pair.access_token, Credential(tenant.id, tenant.api_key), tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(pair, tools)


def test_an_expired_access_token_of_another_client_ends_nothing(tenant, tools, clock):
    """
    G5: what has run out is no more anybody's than what has not.
    """
    pair, other = a_pair(tools, tenant), a_tenant(tools)
    clock.step(seconds=pair.expires_in)

    revoke_token(pair.access_token, Credential(other.id, other.api_key), tools)

    assert refresh(pair, tools).refresh_token


def test_to_revoke_twice_is_no_error_and_told_once(tenant, tools, caplog):
    """
    G3: the second time there is nothing left to do.
    """
    caplog.set_level(logging.INFO, "chalk.events")
    pair = a_pair(tools, tenant)
    caplog.clear()

    revoke_token(pair.refresh_token or "", None, tools)
    revoke_token(pair.refresh_token or "", None, tools)

    assert [each.getMessage() for each in caplog.records if each.name == "chalk.events"] == ["session.revoked"]


def test_what_is_no_refresh_token_is_no_error_and_ends_nothing(tenant, tools):
    """
    G3, G4: an unknown text, a changed token, an access token: all are answered alike, and nothing is revoked.
    """
    pair = a_pair(tools, tenant)
    token = pair.refresh_token or ""

    for presented in (
        "",
        "nonsense",
        token[:-1],
        token + "=",
        token.upper(),
        pair.access_token,
        "\ud800",
        "x" * 100_000,
    ):
        revoke_token(presented, None, tools)

    assert refresh(pair, tools).refresh_token
