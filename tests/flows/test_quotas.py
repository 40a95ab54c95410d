"""How many tokens a tenant and a session may ask for, by every grant; and that nobody locks a tenant out with them."""

import logging

import pytest

from app.entrypoints.wiring import wiring_of
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.exchange_for_participant import ParticipantExchange, exchange_for_participant
from app.flows.exchange_token import TokenExchange, exchange_token
from app.flows.look_up_participants import look_up_participants
from app.flows.refusals import InvalidAccessTokenError, InvalidRefreshTokenError, QuotaSpentError
from app.flows.results import NewParticipant
from app.flows.steps import Credential
from tests.assertions import a_key, an_assertion, register
from tests.builders import a_pair, a_room, a_tenant
from tests.flows.test_statements import counted
from tests.participants import admit, holder, mint, refresh

ADA = NewParticipant("Ada")
KEY = "request-0123456789"
MINUTE = {"seconds": 60}


@pytest.fixture(scope="module")
def limited(make_app):
    """An application with four tokens a minute for the keys of a tenant, four for its sessions, three for each."""
    return make_app(TOKENS_PER_TENANT="4", TOKENS_PER_SESSION="3")


@pytest.fixture
def tools(limited, clock):
    """What its stories reach for."""
    return wiring_of(limited).tools


@pytest.fixture
def tenant(tools):
    """A tenant of the test's own."""
    return a_tenant(tools)


@pytest.fixture
def room_id(tools, tenant):
    """A room of it."""
    return a_room(tools, tenant)


def refused(ask, policy, quota):
    """Ask, and be refused by this limit; gives after how many seconds to come back."""
    with pytest.raises(QuotaSpentError) as refusal:
        ask()
    assert (refusal.value.policy, refusal.value.quota) == (policy, quota)
    return refusal.value.retry_after_seconds


def grants(tools, tenant, room_id):
    """Give every way in which a key of a tenant gets a token; the client authenticates by key throughout."""
    client = Credential(tenant.id, tenant.api_key)
    by_itself = Credential(secret=tenant.api_key)
    return {
        "exchange": lambda: a_pair(tools, tenant),
        "client_credentials": lambda: exchange_api_key(Exchange(client), tools),
        "admission": lambda: admit(holder(tenant, tools), room_id, tools),
        "participant": lambda: exchange_for_participant(ParticipantExchange(by_itself, room_id, ADA), tools),
        "token exchange": lambda: exchange_token(TokenExchange(client, tenant.api_key, True, room_id, ADA), tools),
    }


def test_all_grants_of_a_tenant_share_one_limit(tools, tenant, room_id, clock):
    """
    A17: four tokens a minute, by whatever grant; then each of them is refused until the minute is over, and admits
    nobody. Another tenant is none the wiser.
    """
    ways = grants(tools, tenant, room_id)
    for _, ask in zip(range(4), ways.values(), strict=False):
        clock.step(seconds=5)
        ask()
    guests = len(look_up_participants(holder(tenant, tools), room_id, (None, 100), tools).items)

    waits = [refused(ask, "tenant", 4) for ask in ways.values()]

    assert waits == [45] * 5
    assert len(look_up_participants(holder(tenant, tools), room_id, (None, 100), tools).items) == guests
    a_pair(tools, a_tenant(tools))
    clock.step(seconds=44)
    refused(ways["exchange"], "tenant", 4)
    for ask in [*ways.values()][1:]:
        clock.step(seconds=1)
        ask()


def test_a_client_of_assertions_has_the_limit_of_its_tenant(limited, tools, tenant, clock):
    """
    A17: what a key has used up, an assertion does not get. It was shown, and is used up.
    """
    http, signer = limited.test_client(), a_key()
    register(http, tenant, signer)

    def ask():
        assertion = an_assertion(signer, tenant.id, clock.now())
        return exchange_api_key(Exchange(Credential(assertion=assertion)), tools)

    for _ in range(4):
        ask()

    refused(ask, "tenant", 4)
    clock.step(**MINUTE)
    ask()


def test_a_refused_refresh_spends_nothing(tools, tenant, clock):
    """
    A17, C1: a session refreshes three times a minute; the fourth token is as good as before, however often it was
    refused, and works when it is time.
    """
    pair = a_pair(tools, tenant)
    for _ in range(3):
        pair = refresh(pair, tools)
        clock.step(seconds=10)

    waits = {refused(lambda: refresh(pair, tools), "session", 3) for _ in range(20)}

    assert waits == {30}
    other = refresh(a_pair(tools, tenant), tools)
    clock.step(seconds=30)
    refresh(refresh(pair, tools), tools)
    refresh(other, tools)


def test_sessions_cannot_use_up_what_keys_have(tools, tenant, room_id, clock):
    """
    A17: participants who refresh, and a host who admits, use up what sessions have; then they are refused, their tokens
    unspent, and the tenant's key opens and admits as before.
    """
    host = admit(holder(tenant, tools), room_id, tools, role="host")
    guest = admit(holder(tenant, tools), room_id, tools)
    admit(holder(host, tools), room_id, tools)
    pairs = [refresh(host.pair, tools), refresh(refresh(guest.pair, tools), tools)]

    refused(lambda: refresh(pairs[0], tools), "sessions", 4)
    refused(lambda: refresh(pairs[1], tools), "sessions", 4)
    other = a_pair(tools, tenant)
    refused(lambda: refresh(other, tools), "sessions", 4)
    admit(holder(tenant, tools), room_id, tools)

    clock.step(**MINUTE)
    for pair in (*pairs, other):
        refresh(pair, tools)


def test_a_host_admits_as_many_as_its_session_may(tools, tenant, room_id, clock):
    """
    A17: tokens for others count for the session that asks for them, also when they are minted anew.
    """
    by_host = holder(admit(holder(tenant, tools), room_id, tools, role="host"), tools)
    guest = admit(by_host, room_id, tools)
    mint(by_host, guest, tools)
    mint(by_host, guest, tools)

    refused(lambda: mint(by_host, guest, tools), "session", 3)
    refused(lambda: admit(by_host, room_id, tools), "session", 3)

    clock.step(**MINUTE)
    mint(by_host, guest, tools)


def test_a_thief_in_a_hurry_is_caught_all_the_same(tools, tenant):
    """
    C2, A17: a spent token ends its session also when that is beyond its limit; to loop hides nothing.
    """
    first = a_pair(tools, tenant)
    pair = first
    for _ in range(3):
        pair = refresh(pair, tools)
    refused(lambda: refresh(pair, tools), "session", 3)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(first, tools)

    with pytest.raises(InvalidRefreshTokenError):
        refresh(pair, tools)
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(pair.access_token, tools)


def test_an_answer_that_is_fetched_again_counts_as_well(tools, tenant, clock):
    """
    A17, C11: whoever asks for a lost answer again and again gets as many as the session may, and later the same
    successor.
    """
    first = a_pair(tools, tenant)
    answers = [refresh(first, tools, KEY) for _ in range(3)]
    assert len({each.refresh_token for each in answers}) == 1

    refused(lambda: refresh(first, tools, KEY), "session", 3)

    clock.step(**MINUTE)
    assert refresh(first, tools, KEY).refresh_token == answers[0].refresh_token


def test_a_limit_costs_no_statement_until_it_is_used_up(tools, tenant, clock):
    """
    CONTRACT 5: a refresh is one statement; one that is refused reads a row, and writes none.
    """
    # Nobody is beyond a limit any more, in whichever order the tests of this file are run.
    clock.step(minutes=2)
    pair = a_pair(tools, tenant)
    for _ in range(3):
        with counted() as statements:
            pair = refresh(pair, tools)
        assert statements == ["UPDATE"]

    with counted() as statements:
        refused(lambda: refresh(pair, tools), "session", 3)

    assert statements == ["SELECT"]


def test_a_limit_that_is_reached_is_told_once(tools, tenant, caplog):
    """
    A17, B2: the operator learns which limit, of whom, and no secret.
    """
    caplog.set_level(logging.INFO)
    for _ in range(4):
        a_pair(tools, tenant)
    for _ in range(3):
        refused(lambda: a_pair(tools, tenant), "tenant", 4)

    told = [each.fields for each in caplog.records if each.getMessage() == "quota.reached"]
    assert told == [{"limit": "tenant", "of": tenant.id, "quota": 4}]
