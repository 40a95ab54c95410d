"""From one master key to the next: what was made under the old one goes on, moves by its use, and lets it go."""

import dataclasses
import threading

import pytest
from sqlalchemy import select, update

from app import settings as configuration
from app.domain.api_keys.tables import ApiKeyRow
from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.activate_master_key import activate_master_key
from app.flows.add_master_key import add_master_key
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.introspect_token import introspect_token
from app.flows.look_up import look_up_rooms
from app.flows.look_up_master_keys import look_up_master_keys
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    InvalidApiKeyError,
    InvalidRefreshTokenError,
    InvalidRequestError,
    MasterKeyAwayError,
    UnsafeKeyStepError,
)
from app.flows.retire_master_key import retire_master_key
from app.flows.rewrap_keys import rewrap_keys
from app.flows.steps import Credential
from app.flows.tend_signing_keys import tend_signing_keys
from app.foundation.database import Database
from app.foundation.errors import ConfigurationError
from tests.builders import a_pair, a_room, a_tenant
from tests.conftest import MANY_GUESSES
from tests.forgery import claims_of, header_of, hs256

LOST_ANSWER = "an-idempotency-key-of-one-refresh"


@pytest.fixture
def host(own_database, clock, tmp_path):
    """Give the tools of a host: all share the database, and those of one name a keys directory."""
    made: list[Database] = []

    def start(name="here"):
        # A kind of signing key that is made in no time; nothing here asks which.
        given = {"DATABASE_URL": own_database, "KEYS_DIRECTORY": str(tmp_path / name), "SIGNING_ALGORITHM": "ES256"}
        given |= MANY_GUESSES
        settings = configuration.read({f"CHALK_{key}": value for key, value in given.items()})
        tools = wiring_of(create_app(settings, clock, warm=False)).tools
        made.append(tools.database)
        return tools

    yield start
    for each in made:
        each.close()


def rotate(tools):
    made = add_master_key(tools)
    activate_master_key(made, tools)
    return made


def copy_keys(tmp_path, made, here="here", there="there"):
    (tmp_path / there / f"master-{made}.key").touch(0o600)
    (tmp_path / there / f"master-{made}.key").write_bytes((tmp_path / here / f"master-{made}.key").read_bytes())


def same_keys(tmp_path, here="here", there="there"):
    (tmp_path / there).mkdir()
    (tmp_path / there / "master.key").touch(0o600)
    (tmp_path / there / "master.key").write_bytes((tmp_path / here / "master.key").read_bytes())


def pepper_of(tools, tenant):
    with tools.database.reading() as connection:
        return connection.execute(select(ApiKeyRow.pepper_id).where(ApiKeyRow.id == tenant.api_key[8:16])).scalar_one()


def use(tools, key_id):
    return next(each for each in look_up_master_keys(tools) if each.id == key_id)


def test_an_api_key_goes_on_and_moves_by_its_use(host):
    """
    B1: a key of before works at once and at every later call; its MAC lies under the new master key after the first.
    """
    tools, worker = host(), host()
    tenant, old = a_tenant(tools), tools.master.id
    assert pepper_of(tools, tenant) == old

    new = rotate(tools)
    caller = authenticate_api_key(tenant.api_key, tools)

    assert caller.kind == "tenant"
    assert pepper_of(tools, tenant) == new
    for each in (tools, worker):
        assert authenticate_api_key(tenant.api_key, each) == caller
        with pytest.raises(InvalidApiKeyError):
            authenticate_api_key(a_wrong_one(tenant, tools), each)


def a_wrong_one(tenant, tools):
    """Another tenant's key text under a well-formed spelling, which is not this tenant's."""
    from_elsewhere = a_tenant(tools, "Elsewhere").api_key
    with tools.database.transaction() as connection:
        connection.execute(update(ApiKeyRow).where(ApiKeyRow.id == from_elsewhere[8:16]).values(mac=bytes(32)))
    return from_elsewhere


def test_every_way_of_using_a_key_moves_it(host):
    """
    By X-API-Key, by an exchange, and as a client's secret.
    """
    tools = host()
    tenants = [a_tenant(tools, name) for name in ("header", "exchange", "client")]
    new = rotate(tools)

    authenticate_api_key(tenants[0].api_key, tools)
    a_pair(tools, tenants[1])
    introspect_token("nothing", Credential(tenants[2].id, tenants[2].api_key), tools)

    assert [pepper_of(tools, tenant) for tenant in tenants] == [new] * 3


def test_a_key_from_before_there_could_be_several_works_and_moves(host):
    """
    A row of an older release names no master key; it counts for each until it is used.
    """
    tools = host()
    tenant, old = a_tenant(tools), tools.master.id
    with tools.database.transaction() as connection:
        connection.execute(update(ApiKeyRow).values(pepper_id=None))
    new = rotate(tools)
    assert (use(tools, old).api_keys, use(tools, new).api_keys) == (1, 1)

    assert authenticate_api_key(tenant.api_key, tools).kind == "tenant"

    assert (use(tools, old).api_keys, use(tools, new).api_keys) == (0, 1)


def test_sixteen_uses_at_once_move_a_key_and_all_succeed(host):
    """
    However many requests find the old MAC at once, none fails, and the key works afterwards.
    """
    tools = host()
    tenant = a_tenant(tools)
    new = rotate(tools)
    barrier, answers = threading.Barrier(16), []

    def race(number):
        barrier.wait()
        if number % 2:
            answers.append(a_pair(tools, tenant).refresh_token is not None)
        else:
            answers.append(authenticate_api_key(tenant.api_key, tools).kind == "tenant")

    racers = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for each in racers:
        each.start()
    for each in racers:
        each.join()

    assert answers == [True] * 16
    assert pepper_of(tools, tenant) == new
    assert authenticate_api_key(tenant.api_key, tools).kind == "tenant"


def test_a_session_goes_on_and_moves_by_its_next_refresh(host):
    """
    I4: a refresh token of before is good; its successor is signed under the new master key, also by another worker.
    """
    tools, worker = host(), host()
    tenant = a_tenant(tools)
    first, old = a_pair(tools, tenant), tools.master.id
    new = rotate(tools)

    second = refresh_access(Refresh(first.refresh_token or ""), worker)
    third = refresh_access(Refresh(second.refresh_token or ""), tools)

    assert header_of(first.refresh_token or "")["kid"] == old
    assert header_of(third.refresh_token or "")["kid"] == new
    assert authenticate_access_token(third.access_token, worker).tenant_id is not None


def test_a_lost_answer_is_fetched_again_across_the_change(host):
    """
    C11, I5: the retry of a refresh from before gets the same bytes after; a late duplicate ends nothing.
    """
    tools = host()
    tenant = a_tenant(tools)
    first = a_pair(tools, tenant)
    second = refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), tools)

    rotate(tools)
    again = refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), tools)
    third = refresh_access(Refresh(again.refresh_token or ""), tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), tools)

    assert again.refresh_token == second.refresh_token
    assert refresh_access(Refresh(third.refresh_token or ""), tools).refresh_token


def test_a_worker_that_has_not_noticed_takes_no_retry_for_reuse(host):
    """
    C11, I6: the retry reaches a worker that still knows the old master key alone: it looks again, and finds the answer.
    """
    tools, worker = host(), host()
    first = a_pair(tools, a_tenant(tools))
    assert len(worker.masters.all) == 1
    rotate(tools)
    second = refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), tools)

    again = refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), worker)

    assert again.refresh_token == second.refresh_token
    assert refresh_access(Refresh(again.refresh_token or ""), worker).refresh_token


def test_reuse_is_caught_across_the_change(host):
    """
    C2: a spent token from before the change, without its key, ends the session.
    """
    tools = host()
    tenant = a_tenant(tools)
    first = a_pair(tools, tenant)
    second = refresh_access(Refresh(first.refresh_token or ""), tools)
    rotate(tools)

    for spent in (first, second):
        with pytest.raises(InvalidRefreshTokenError):
            refresh_access(Refresh(spent.refresh_token or ""), tools)


def test_a_cursor_outlives_the_change(host):
    """
    Whoever is in the middle of a list goes on.
    """
    tools = host()
    tenant = a_tenant(tools)
    for _ in range(3):
        a_room(tools, tenant)
    caller = authenticate_api_key(tenant.api_key, tools)
    page = look_up_rooms(caller, None, 2, tools)

    rotate(tools)

    assert len(look_up_rooms(caller, page.next_cursor, 2, tools).items) == 1


def test_signing_keys_are_wrapped_anew_with_progress(host):
    """
    `rewrap` moves every signing key, tells how far it is, and has nothing to do the second time; tokens go on.
    """
    tools = host()
    tend_signing_keys(tools)
    tenant, old = a_tenant(tools), tools.master.id
    pair, told = a_pair(tools, tenant), []
    new = rotate(tools)
    assert (use(tools, old).signing_keys, use(tools, new).signing_keys) == (2, 0)

    rewrap_keys(lambda done, of: told.append((done, of)), tools)
    rewrap_keys(lambda done, of: told.append((done, of)), tools)

    assert told == [(0, 2), (1, 2), (2, 2), (0, 0)]
    assert (use(tools, old).signing_keys, use(tools, new).signing_keys) == (0, 2)
    worker = host()
    tend_signing_keys(worker)
    assert worker.keyring.jwks == tools.keyring.jwks
    assert authenticate_access_token(pair.access_token, worker).tenant_id is not None


def test_many_may_wrap_anew_at_once(host):
    """
    Eight at once: no error, and every key opens afterwards.
    """
    tools = host()
    tend_signing_keys(tools)
    new, barrier, failures = rotate(tools), threading.Barrier(8), []

    def race():
        barrier.wait()
        try:
            rewrap_keys(lambda _done, _of: None, tools)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a failure
            failures.append(error)

    racers = [threading.Thread(target=race) for _ in range(8)]
    for each in racers:
        each.start()
    for each in racers:
        each.join()

    assert failures == []
    assert use(tools, new).signing_keys == 2
    tend_signing_keys(host())


def test_a_host_without_the_new_key_says_so_and_loses_nothing(host, tmp_path, caplog):
    """
    I6: a key and a session of another host's newer master key are neither wrong nor over; once the file is copied,
    they work here without a restart.
    """
    tools = host()
    tend_signing_keys(tools)
    same_keys(tmp_path)
    there = host("there")
    tend_signing_keys(there)
    before = a_pair(tools, a_tenant(tools, "before"))
    new = rotate(tools)
    moved = refresh_access(Refresh(before.refresh_token or "", LOST_ANSWER), tools)
    tenant = a_tenant(tools)
    first = a_pair(tools, tenant)
    second = refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), tools)
    client = Credential(tenant.id, tenant.api_key)

    for ask in (
        lambda: authenticate_api_key(tenant.api_key, there),
        lambda: a_pair(there, tenant),
        lambda: refresh_access(Refresh(second.refresh_token or ""), there),
        lambda: refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), there),
        lambda: refresh_access(Refresh(before.refresh_token or "", LOST_ANSWER), there),
        lambda: introspect_token(second.refresh_token or "", client, there),
    ):
        with pytest.raises(MasterKeyAwayError):
            ask()
    assert f"lacks the master key {new}" in caplog.text

    copy_keys(tmp_path, new)
    assert authenticate_api_key(tenant.api_key, there).kind == "tenant"
    for spent, promised in ((before, moved), (first, second)):
        again = refresh_access(Refresh(spent.refresh_token or "", LOST_ANSWER), there)
        assert again.refresh_token == promised.refresh_token
        assert refresh_access(Refresh(again.refresh_token or ""), there).refresh_token


def test_a_made_up_master_key_is_no_excuse(host):
    """
    B3: a token that names a key which nobody has is as wrong as any, also for a session that exists.
    """
    tools = host()
    pair = a_pair(tools, a_tenant(tools))
    header = header_of(pair.refresh_token or "")

    for kid in ("made-up", "A" * 12, tools.master.id):
        forged = hs256({**header, "kid": kid}, claims_of(pair.refresh_token or ""), bytes(32))
        with pytest.raises(InvalidRefreshTokenError):
            refresh_access(Refresh(forged), tools)
    assert refresh_access(Refresh(pair.refresh_token or ""), tools).refresh_token


def refused(key_id, tools, forced=None):
    with pytest.raises(UnsafeKeyStepError) as refusal:
        retire_master_key(key_id, forced, tools)
    return refusal.value


def test_a_master_key_leaves_only_when_nothing_needs_it(host, clock):
    """
    Not the current one, none that is not there, not while signing keys, API keys or sessions hang on it, and not
    before every worker has noticed; the refusal says what, and from when on.
    """
    tools = host()
    tend_signing_keys(tools)
    tenant, old = a_tenant(tools), tools.master.id
    pair = a_pair(tools, tenant)
    assert "current" in refused(old, tools).why
    assert "no such" in refused("nonsense", tools).why
    rotate(tools)
    changed_at = clock.now()

    assert "2 signing keys" in refused(old, tools).why
    rewrap_keys(lambda _done, _of: None, tools)
    assert "1 API keys and 1 sessions" in refused(old, tools).why
    authenticate_api_key(tenant.api_key, tools)
    for _ in range(2):
        assert "0 API keys and 1 sessions" in refused(old, tools).why
        pair = refresh_access(Refresh(pair.refresh_token or ""), tools)
    early = refused(old, tools)
    clock.step(seconds=64)
    assert refused(old, tools).safe_at == early.safe_at
    assert (early.safe_at - changed_at).total_seconds() == pytest.approx(65, abs=1)

    clock.step(seconds=2)
    retire_master_key(old, None, tools)

    worker = host()
    assert [each.id for each in look_up_master_keys(worker)] == [worker.master.id]
    assert worker.master.id != old
    assert authenticate_api_key(tenant.api_key, worker).kind == "tenant"
    assert refresh_access(Refresh(pair.refresh_token or ""), worker).refresh_token


def test_a_lost_answer_keeps_the_key_that_its_retry_needs(host, clock):
    """
    I4, I5: the row of a session has moved, its client has not heard of it: the old master key stays until the retry
    has worked and its successor was used. Then it goes without force, and nobody was refused.
    """
    tools = host()
    tend_signing_keys(tools)
    tenant, old = a_tenant(tools), tools.master.id
    first = a_pair(tools, tenant)
    rotate(tools)
    rewrap_keys(lambda _done, _of: None, tools)
    authenticate_api_key(tenant.api_key, tools)
    lost = refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), tools)
    clock.step(days=7)

    assert "0 API keys and 1 sessions" in refused(old, tools).why
    fetched = refresh_access(Refresh(first.refresh_token or "", LOST_ANSWER), tools)
    assert fetched.refresh_token == lost.refresh_token
    assert "0 API keys and 1 sessions" in refused(old, tools).why
    last = refresh_access(Refresh(fetched.refresh_token or ""), tools)
    retire_master_key(old, None, tools)

    assert refresh_access(Refresh(last.refresh_token or ""), host()).refresh_token


def test_a_token_that_healed_its_session_keeps_the_key_that_signed_it(host, clock):
    """
    I5: the database lost rotations; what counts is the key of the token that came, not the one in the restored row.
    """
    tools = host()
    tend_signing_keys(tools)
    oldest = tools.master.id
    first = a_pair(tools, a_tenant(tools))
    middle = rotate(tools)
    with tools.database.reading() as connection:
        before = connection.execute(select(FamilyRow)).one()._asdict()
    ahead = first
    for _ in range(2):
        ahead = refresh_access(Refresh(ahead.refresh_token or ""), tools)
    with tools.database.transaction() as connection:
        connection.execute(update(FamilyRow).values(before))
    newest = rotate(tools)

    refresh_access(Refresh(ahead.refresh_token or "", LOST_ANSWER), tools)

    assert [use(tools, each).sessions for each in (oldest, middle, newest)] == [0, 1, 1]


def test_a_session_without_a_refresh_token_holds_no_key_up(host):
    """
    RFC 6749 section 4.4.3: nothing of it is signed under a master key, so a short-lived one keeps none.
    """
    tools = host()
    tenant = a_tenant(tools)

    exchange_api_key(Exchange(Credential(tenant.id, tenant.api_key)), tools)

    assert use(tools, tools.master.id).sessions == 0


def test_a_session_of_a_release_that_did_not_note_it_counts_for_each(host):
    """
    Which key signed the token before is not known of it, so it holds up all, until it refreshes.
    """
    tools = host()
    old, pair = tools.master.id, a_pair(tools, a_tenant(tools))
    with tools.database.transaction() as connection:
        connection.execute(update(FamilyRow).values(spent_kid=None))
    new = rotate(tools)
    assert (use(tools, old).sessions, use(tools, new).sessions) == (1, 1)

    pair = refresh_access(Refresh(pair.refresh_token or ""), tools)
    refresh_access(Refresh(pair.refresh_token or ""), tools)

    assert (use(tools, old).sessions, use(tools, new).sessions) == (0, 1)


def test_a_forced_end_ends_what_hangs_on_it_and_nothing_else(host, clock):
    """
    I10: keys that were not used since and sessions that were not refreshed are over for good; those that moved live.
    """
    tools = host()
    tend_signing_keys(tools)
    idle, busy = a_tenant(tools, "idle"), a_tenant(tools, "busy")
    old = tools.master.id
    of_idle, of_busy, left = a_pair(tools, idle), a_pair(tools, busy), a_pair(tools, busy)
    rotate(tools)
    rewrap_keys(lambda _done, _of: None, tools)
    authenticate_api_key(busy.api_key, tools)
    moved = refresh_access(Refresh(of_busy.refresh_token or ""), tools)
    clock.step(minutes=2)

    retire_master_key(old, "it got out", tools)

    worker = host()
    for each in (tools, worker):
        with pytest.raises(InvalidApiKeyError):
            authenticate_api_key(idle.api_key, each)
        for pair in (of_idle, left):
            with pytest.raises(InvalidRefreshTokenError):
                refresh_access(Refresh(pair.refresh_token or ""), each)
        assert authenticate_api_key(busy.api_key, each).kind == "tenant"
    assert refresh_access(Refresh(moved.refresh_token or ""), worker).refresh_token
    with worker.database.reading() as connection:
        ended = connection.execute(select(FamilyRow.revoke_reason).where(FamilyRow.revoked_at.is_not(None)))
        assert ended.scalars().all() == ["master_key_retired"] * 2


def test_a_dump_and_the_retired_master_key_open_nothing_new(host, tmp_path, clock):
    """
    B1: who has the old master key and everything that is in the database now has no key, no token and no signature.
    """
    tools = host()
    tend_signing_keys(tools)
    same_keys(tmp_path, there="thief")
    tenant, old = a_tenant(tools), tools.master.id
    pair = a_pair(tools, tenant)
    rotate(tools)
    rewrap_keys(lambda _done, _of: None, tools)
    authenticate_api_key(tenant.api_key, tools)
    for _ in range(2):
        pair = refresh_access(Refresh(pair.refresh_token or ""), tools)
    clock.step(minutes=2)
    retire_master_key(old, None, tools)

    thief = host("thief")

    assert thief.master.id == old
    with pytest.raises(ConfigurationError, match="does not open with this master key"):
        tend_signing_keys(thief)
    with pytest.raises(MasterKeyAwayError):
        authenticate_api_key(tenant.api_key, thief)
    with tools.database.reading() as connection:
        row = connection.execute(select(FamilyRow)).one()
    claims = claims_of(pair.refresh_token or "")
    forged = hs256(
        {**header_of(pair.refresh_token or ""), "kid": old}, {**claims, "gen": row.generation}, thief.master.refresh
    )
    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(forged), tools)
    assert refresh_access(Refresh(pair.refresh_token or ""), tools).refresh_token


def test_keys_of_the_environment_are_its_owners(worker):
    """
    Where the master keys come from a variable, nothing here can add one or change their order: it says where.
    """
    tools = worker()

    with pytest.raises(InvalidRequestError, match="CHALK_MASTER_KEY"):
        add_master_key(tools)
    with pytest.raises(InvalidRequestError, match="CHALK_MASTER_KEY"):
        activate_master_key(tools.master.id, tools)
    assert dataclasses.astuple(look_up_master_keys(tools)[0])[:3] == (tools.master.id, True, True)
