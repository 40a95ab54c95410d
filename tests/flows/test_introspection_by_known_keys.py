"""Introspection by a key that a worker knows from before: one statement, and the same answers as by any other."""

import dataclasses

import pytest

from app.domain.api_keys import KnownKeys, revoke
from app.domain.rate_limits import Quotas
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.introspect_token import introspect_token
from app.flows.issue_resource_server_key import issue_resource_server_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    InvalidApiKeyError,
    KeyInBrowserError,
    QuotaSpentError,
    ServiceError,
    UnauthorizedClientError,
)
from app.flows.revoke_token import revoke_token
from app.flows.steps import Credential
from tests.builders import Tenant, a_pair, a_tenant
from tests.flows.test_known_keys import BROWSER, ENDINGS, HOME, USUAL, changed
from tests.flows.test_statements import counted
from tests.guessers import id_of
from tests.named_keys import a_named_key

INACTIVE, ACTIVE = None, True


@pytest.fixture
def key(tools, tenant):
    """A key of the tenant, which no worker knows yet."""
    return a_named_key(tools, tenant, None, **USUAL)


@pytest.fixture
def pair(tools, tenant):
    """Tokens of the tenant, by another key."""
    return a_pair(tools, tenant)


def elsewhere(tools):
    """Give another worker, on the same database."""
    return dataclasses.replace(tools, known_keys=KnownKeys())


def told(key, token, tools, sender=HOME):
    """Tell whether a token is alive to a key, or the kind of the refusal."""
    try:
        facts = introspect_token(token, Credential(key.id, secret=key.api_key, sender=sender), tools)
    except ServiceError as refusal:
        return type(refusal)
    return None if facts is None else facts["active"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_key_that_another_worker_ended_is_told_nothing(tools, tenant, key, pair, ending):
    """
    A2, A9, H1: one statement from the second question on, and from the answer on that ends the key, by whatever it was
    ended, its refusal.
    """
    end, refusal = ENDINGS[ending]
    assert told(key, pair.access_token, tools) is ACTIVE
    with counted() as statements:
        assert told(key, pair.access_token, tools) is ACTIVE
    assert statements == ["SELECT"]

    end(tenant, key, elsewhere(tools))

    assert [told(key, pair.access_token, tools) for _ in range(2)] == [refusal, refusal]


def test_a_token_that_another_worker_revoked_is_inactive_at_once(tools, key, pair):
    """
    H3: the next answer says so, in one statement, and the key goes on.
    """
    assert told(key, pair.access_token, tools) is ACTIVE

    revoke_token(str(pair.refresh_token), None, elsewhere(tools))

    with counted() as statements:
        assert told(key, pair.access_token, tools) is INACTIVE
    assert statements == ["SELECT"]


def test_a_known_key_learns_no_more_than_another(tools, tenant, key, pair):
    """
    H1, H2, B8: a neighbour's token and one of the other mode are inactive, a refresh token and what is no token are
    what they are, a browser and a wrong secret are refused.
    """
    test_key = a_named_key(tools, tenant, mode="test")
    only_at_home = a_named_key(tools, tenant, networks=["192.0.2.0/24"])
    tokens = [a_pair(tools, a_tenant(tools)).access_token, a_pair(tools, test_key).access_token]
    tokens += [pair.refresh_token, pair.access_token[:-1], ""]
    unknown = [told(key, each, elsewhere(tools)) for each in tokens]
    assert told(key, pair.access_token, tools) is told(only_at_home, pair.access_token, tools) is ACTIVE

    assert [told(key, each, tools) for each in tokens] == unknown == [INACTIVE, INACTIVE, ACTIVE, INACTIVE, INACTIVE]
    wrong = dataclasses.replace(key, api_key=key.api_key[:17] + only_at_home.api_key[17:])
    assert told(wrong, pair.access_token, tools) == InvalidApiKeyError
    assert told(dataclasses.replace(key, id="tenant_x"), pair.access_token, tools) == InvalidApiKeyError
    assert told(only_at_home, pair.access_token, tools, BROWSER) == KeyInBrowserError


def test_each_question_is_one_use_whatever_the_answer(tools, tenant, key, pair, clock):
    """
    CONTRACT 2: in what is noted and against the limit of the key, which holds at once when another worker changed it.
    """
    counting = dataclasses.replace(tools, quotas=Quotas(0, 0, 0, clock), known_keys=KnownKeys())
    changed(requests_per_minute=4)(tenant, key, elsewhere(tools))
    questions = [pair.access_token, pair.access_token, pair.refresh_token, pair.access_token[:-1]]
    tools.uses.take()

    assert [told(key, each, counting) for each in questions] == [ACTIVE, ACTIVE, ACTIVE, INACTIVE]
    assert [told(key, each, counting) for each in questions] == [QuotaSpentError] * 4

    (noted,) = [each for name, each in tools.uses.take().items() if name in key.api_key]
    assert sum(noted.hours.values()) == 8
    changed(requests_per_minute=1_000)(tenant, key, elsewhere(tools))
    assert told(key, pair.access_token, counting) is ACTIVE


def test_a_resource_server_that_is_known_may_only_ask(tools, tenant, pair):
    """
    A11, H1: in one statement, and nothing else, whosever token it has; and no more when its key was revoked.
    """
    issued = issue_resource_server_key(tools.http.audiences[0], tools)
    server = Tenant(issued.name, issued.text)
    credential = Credential(server.id, secret=server.api_key, sender=HOME)
    assert told(server, pair.access_token, tools) is ACTIVE
    with counted() as statements:
        assert told(server, pair.access_token, tools) is ACTIVE
        assert told(server, pair.access_token[:-1], elsewhere(tools)) is INACTIVE
    assert statements == ["SELECT", "SELECT"]

    refresh_token = str(pair.refresh_token)
    assert told(server, refresh_token, tools) is INACTIVE
    with pytest.raises(UnauthorizedClientError):
        refresh_access(Refresh(refresh_token, credential=credential), tools)
    with pytest.raises(UnauthorizedClientError):
        exchange_api_key(Exchange(credential), tools)
    assert refresh_access(Refresh(refresh_token), tools).scope == pair.scope

    with tools.database.transaction() as connection:
        revoke(connection, id_of(server), now=tools.clock.now())
    assert told(server, pair.access_token, tools) == InvalidApiKeyError
