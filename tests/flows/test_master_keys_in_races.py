"""Master keys change while others are at work, or by mistake: each thing moves once, and only what hung on one ends."""

from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest
from sqlalchemy import Engine, event, select, update

from app.domain import api_keys, refresh_tokens, signing_keys
from app.domain.api_keys.tables import ApiKeyRow
from app.domain.refresh_tokens.tables import FamilyRow
from app.flows import steps
from app.flows.add_master_key import add_master_key
from app.flows.adopt_api_keys import adopt_api_keys
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidApiKeyError, InvalidRefreshTokenError
from app.flows.retire_master_key import retire_master_key
from app.flows.rewrap_keys import rewrap_keys
from app.flows.tend_signing_keys import tend_signing_keys
from app.foundation.identifiers import parse_id
from tests.adversary.races import at_once
from tests.builders import a_pair, a_tenant
from tests.flows.test_master_keys import host, rotate, use

__all__ = ["host"]


def read(tenant):
    """Read a tenant's key, as a story does."""
    presented = api_keys.parse(tenant.api_key)
    assert presented is not None
    return presented


def forget_peppers(tools):
    """Make the rows look as an older release left them."""
    with tools.database.transaction() as connection:
        connection.execute(update(ApiKeyRow).values(pepper_id=None))


def test_sixteen_uses_at_once_write_a_key_anew_once(host):
    """
    B1: whoever comes second finds it moved; a row that many clients share is not written by each of them.
    """
    tools = host()
    presented = read(a_tenant(tools))
    rotate(tools)

    def renew():
        with tools.database.statement() as connection:
            return api_keys.renew(connection, presented, tools.peppers)

    assert at_once([renew] * 16).count(True) == 1


def test_a_signing_key_is_wrapped_anew_once(host):
    """
    Of many who rewrap, one moves a key; the others leave it as it is, and do not say that they moved it.
    """
    tools = host()
    tend_signing_keys(tools)
    rotate(tools)
    kid = tools.keyring.signer.kid

    for expected in (True, False):
        with tools.database.transaction() as connection:
            assert signing_keys.rewrap(connection, kid, tools.keyring.wrapping_keys) is expected


def test_a_key_added_by_mistake_takes_nothing_with_it(host, clock):
    """
    I10: keys of an older release name no master key; they belong to the only one there was, not to one added since.
    """
    tools = host()
    tend_signing_keys(tools)
    tenant = a_tenant(tools)
    forget_peppers(tools)
    adopt_api_keys(tools)
    made = add_master_key(tools)
    clock.step(minutes=2)
    assert (use(tools, tools.master.id).api_keys, use(tools, made).api_keys) == (1, 0)

    retire_master_key(made, "a mistake", tools)

    assert authenticate_api_key(tenant.api_key, host()).kind == "tenant"


def test_of_several_none_is_said_to_be_the_one(host):
    """
    Where two are known already, nobody can tell which one a key of an older release hangs on: it counts for each.
    """
    tools = host()
    tend_signing_keys(tools)
    a_tenant(tools)
    forget_peppers(tools)
    made = add_master_key(tools)
    adopt_api_keys(tools)

    assert (use(tools, tools.master.id).api_keys, use(tools, made).api_keys) == (1, 1)


def test_a_forced_end_catches_a_session_that_is_just_being_opened(host, clock):
    """
    I10: an exchange that had read the key before it was ended leaves no session behind that outlives it.
    """
    tools = host()
    tend_signing_keys(tools)
    tenant, old = a_tenant(tools), tools.master.id
    rotate(tools)
    with tools.database.transaction() as connection:
        for kid in signing_keys.wrapped(connection):
            signing_keys.rewrap(connection, kid, tools.keyring.wrapping_keys)
    clock.step(minutes=2)
    presented = read(tenant)
    tenant_id = parse_id("tenant", tenant.id)
    assert tenant_id is not None
    new = refresh_tokens.NewFamily(tenant_id, presented.id, tenant.id, "tenant:read", "urn:x", "live")

    # The exchange, half done; on SQLite, who retires waits for it as every writer does.
    with ThreadPoolExecutor(1) as pool:
        with tools.database.transaction() as connection:
            steps.look_at_key(connection, presented, tools, now=clock.now(), hold=True)
            retiring = pool.submit(partial(retire_master_key, old, "it got out", tools))
            wait([retiring], timeout=0.4)
            family = refresh_tokens.start(connection, new, tools.families, now=clock.now())
        retiring.result()

    with pytest.raises(InvalidApiKeyError):
        authenticate_api_key(tenant.api_key, tools)
    with tools.database.reading() as connection:
        row = connection.execute(select(FamilyRow).where(FamilyRow.id == family.id)).one()
    assert row.revoke_reason == "master_key_retired"


def test_a_forced_end_that_was_stopped_half_way_is_finished_by_the_next(host, clock, tmp_path):
    """
    I10: what was ended stays so, the master key is still here for the rest, and run again it ends that too.
    """
    tools = host()
    tend_signing_keys(tools)
    tenants, old = [a_tenant(tools), a_tenant(tools)], tools.master.id
    pairs = [a_pair(tools, tenant) for tenant in tenants]
    rotate(tools)
    rewrap_keys(lambda _done, _of: None, tools)
    clock.step(minutes=2)
    seen = []

    def stop(_connection, _cursor, statement, *_rest):
        if statement.startswith("UPDATE api_keys"):
            seen.append(statement)
            if len(seen) == 2:
                raise KeyboardInterrupt

    event.listen(Engine, "before_cursor_execute", stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            retire_master_key(old, "it got out", tools)
    finally:
        event.remove(Engine, "before_cursor_execute", stop)
    assert use(tools, old).api_keys == 1
    assert (tmp_path / "here" / f"master-{old}.key").exists()

    retire_master_key(old, "it got out", tools)

    assert not (tmp_path / "here" / f"master-{old}.key").exists()
    for tenant, pair in zip(tenants, pairs, strict=True):
        with pytest.raises(InvalidApiKeyError):
            authenticate_api_key(tenant.api_key, tools)
        with pytest.raises(InvalidRefreshTokenError):
            refresh_access(Refresh(pair.refresh_token or ""), tools)
