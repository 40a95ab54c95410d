"""Refreshing as an authenticated client, and what ends or mends a session from outside."""

import logging

import pytest
from sqlalchemy import select, update

from app.domain.refresh_tokens import Attempt, Healed, Rotated, parse, settle
from app.domain.refresh_tokens.tables import FamilyRow
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidApiKeyError, InvalidRefreshTokenError, InvalidScopeError, TenantSuspendedError
from app.flows.results import Changes
from app.flows.rotate_api_key import rotate_api_key
from app.flows.steps import Credential
from tests.builders import a_pair, a_tenant

KEY = "request-0123456789"


def refresh(token, tools, tenant=None, scope=None, key=None):
    client = None if tenant is None else Credential(tenant.id, tenant.api_key)
    return refresh_access(Refresh(token, idempotency_key=key, scope=scope, credential=client), tools)


def read(token, tools):
    presented = parse(token, tools.http.issuer, tools.refresh_keys)
    assert presented is not None
    return presented


def row_of(token, tools):
    presented = read(token, tools)
    with tools.database.reading() as connection:
        return connection.execute(select(FamilyRow.__table__).where(FamilyRow.id == presented.family_id)).one()


def restore(row, tools):
    """Put a row back, as a fail-over to a stale replica does."""
    with tools.database.transaction() as connection:
        connection.execute(update(FamilyRow).where(FamilyRow.id == row.id).values(row._asdict()))


def test_a_client_refreshes_its_own_session(tenant, tools):
    """
    RFC 6749 section 6: the API key is the client secret; with it, the token is used as without.
    """
    first = a_pair(tools, tenant)

    second = refresh(first.refresh_token, tools, tenant)

    assert second.scope == first.scope
    assert second.key_rotating_until is None
    assert refresh(second.refresh_token, tools).refresh_token


def test_a_foreign_client_neither_uses_nor_consumes_a_token(tenant, tools, caplog):
    """
    C4: another tenant's client is refused, whether the token is living or spent, and the owner notices nothing.
    """
    caplog.set_level(logging.INFO, "chalk.events")
    foreign = a_tenant(tools, "Foreign")
    first = a_pair(tools, tenant)
    second = refresh(first.refresh_token, tools, tenant, key=KEY)
    caplog.clear()

    for presented in (first, second):
        for scope in (None, "rooms:read"):
            with pytest.raises(InvalidRefreshTokenError):
                refresh(presented.refresh_token, tools, foreign, scope, key=KEY)

    assert [each for each in caplog.records if each.name == "chalk.events"] == []
    assert refresh(second.refresh_token, tools, tenant).refresh_token


@pytest.mark.parametrize("secret", ["", "nonsense", None])
def test_a_client_that_cannot_show_its_key_spends_nothing(tenant, tools, secret):
    """
    A claimed client must be authenticated, even though the token alone would do.
    """
    pair = a_pair(tools, tenant)

    with pytest.raises(InvalidApiKeyError):
        refresh_access(Refresh(pair.refresh_token or "", credential=Credential(tenant.id, secret)), tools)

    assert refresh(pair.refresh_token, tools).refresh_token


def test_a_client_is_nobody_else(tenant, tools, admin_key):
    """
    The key must be the claimed client's own: neither another tenant's nor an operator's speaks for it.
    """
    foreign = a_tenant(tools, "Foreign")
    pair = a_pair(tools, tenant)

    for name, secret in [
        (tenant.id, foreign.api_key),
        (tenant.id, admin_key),
        (foreign.id, tenant.api_key),
        ("", admin_key),
    ]:
        with pytest.raises(InvalidApiKeyError):
            refresh_access(Refresh(pair.refresh_token or "", credential=Credential(name, secret)), tools)

    assert refresh(pair.refresh_token, tools).refresh_token


def test_a_scope_narrows_the_access_token_and_not_the_session(tenant, tools):
    """
    C5: the narrowed access token may do less; the next refresh gives all of the session's scope again.
    """
    first = a_pair(tools, tenant)

    narrowed = refresh(first.refresh_token, tools, tenant, scope="rooms:read")
    whole = refresh(narrowed.refresh_token, tools, tenant)

    assert narrowed.scope == authenticate_access_token(narrowed.access_token, tools).scope == "rooms:read"
    assert whole.scope == authenticate_access_token(whole.access_token, tools).scope == first.scope


@pytest.mark.parametrize("scope", ["rooms:read rooms:everything", "offline_access", " "])
def test_a_wider_scope_is_refused_and_spends_nothing(tenant, tools, scope):
    """
    C5, A14: what the session does not hold cannot be had by refreshing it.
    """
    pair = a_pair(tools, tenant)

    with pytest.raises(InvalidScopeError):
        refresh(pair.refresh_token, tools, tenant, scope=scope)

    assert refresh(pair.refresh_token, tools, tenant).refresh_token


def test_a_retry_may_narrow_differently(tenant, tools):
    """
    I5: a lost answer is fetched again with the same successor, whatever the access token is to do.
    """
    first = a_pair(tools, tenant)
    lost = refresh(first.refresh_token, tools, tenant, key=KEY)

    again = refresh(first.refresh_token, tools, tenant, scope="rooms:read", key=KEY)

    assert again.refresh_token == lost.refresh_token
    assert again.scope == "rooms:read"


def test_a_client_in_the_grace_of_its_key_is_told_until_when(tenant, tools, clock):
    """
    CONTRACT 3: refreshing with a key that has been replaced says when it ends.
    """
    pair = a_pair(tools, tenant)
    rotate_api_key(authenticate_api_key(tenant.api_key, tools), tenant.id, 60, "routine", tools)
    ends = clock.now().replace(microsecond=0)

    second = refresh(pair.refresh_token, tools, tenant)

    assert (second.key_rotating_until.replace(microsecond=0) - ends).total_seconds() == 60


def test_a_suspended_tenant_refreshes_nothing(tenant, tools, admin_key):
    """
    B10: neither by possession nor as a client; and what was ended does not come back when it may act again.
    """
    pair = a_pair(tools, tenant)
    operator = authenticate_api_key(admin_key, tools)
    change_tenant(operator, tenant.id, Changes(suspended=True), tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(pair.refresh_token, tools)
    with pytest.raises(TenantSuspendedError):
        refresh(pair.refresh_token, tools, tenant)

    change_tenant(operator, tenant.id, Changes(suspended=False), tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh(pair.refresh_token, tools, tenant)


def test_a_lost_rotation_is_healed(tenant, tools, caplog):
    """
    I4: a successor that was acknowledged works even when the database forgot it; the operator is told.
    """
    caplog.set_level(logging.INFO, "chalk.events")
    first = a_pair(tools, tenant)
    old = row_of(first.refresh_token, tools)
    third = refresh(refresh(first.refresh_token, tools).refresh_token, tools)
    restore(old, tools)
    caplog.clear()

    fourth = refresh(third.refresh_token, tools, key=KEY)

    (event,) = [each for each in caplog.records if each.name == "chalk.events"]
    assert (event.getMessage(), event.fields["behind"]) == ("refresh.healed", 2)
    assert refresh(third.refresh_token, tools, key=KEY).refresh_token == fourth.refresh_token
    assert refresh(fourth.refresh_token, tools).refresh_token


def test_healing_outlives_the_idle_time_of_the_old_row_but_not_the_token(tenant, tools, clock):
    """
    I4, C7: the row that came back may look expired; the token's own expiry, which we signed, decides.
    """
    first = a_pair(tools, tenant)
    old = row_of(first.refresh_token, tools)
    clock.step(days=20)
    second = refresh(first.refresh_token, tools)
    restore(old, tools)
    clock.step(days=20)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(first.refresh_token, tools)
    third = refresh(second.refresh_token, tools)

    restore(old, tools)
    clock.step(days=30)
    with pytest.raises(InvalidRefreshTokenError):
        refresh(third.refresh_token, tools)


def test_two_that_heal_at_once_are_told_apart(tenant, tools, clock):
    """
    I2: whoever comes second finds the row where the first has moved it: one of two different tokens at most goes on.
    """
    first = a_pair(tools, tenant)
    old = row_of(first.refresh_token, tools)
    second = refresh(first.refresh_token, tools)
    attempt = Attempt(read(second.refresh_token, tools))

    outcomes = []
    for behind in (old, row_of(second.refresh_token, tools)):
        restore(behind, tools)
        with tools.database.transaction() as connection:
            outcomes.append(settle(connection, attempt, tools.families, now=clock.now()))

    assert [type(outcome) for outcome in outcomes] == [Healed, Rotated]
