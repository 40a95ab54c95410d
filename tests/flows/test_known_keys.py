"""A worker that knows a key from before spares itself a look at it, and is told at once when it is another by now."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from app.domain.api_keys import KnownKeys
from app.domain.api_keys.format import SECRET_LENGTH, compose
from app.domain.rate_limits import Quotas
from app.domain.tenants import ClientKeys
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_api_key import change_api_key
from app.flows.change_tenant import change_tenant
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import (
    DatabaseAwayError,
    InvalidApiKeyError,
    InvalidClientError,
    InvalidRefreshTokenError,
    InvalidScopeError,
    KeyElsewhereError,
    KeyInBrowserError,
    MasterKeyAwayError,
    QuotaSpentError,
    ServiceError,
    TenantSuspendedError,
)
from app.flows.report_leak import report_leak
from app.flows.results import Changes, KeyChanges, Sender
from app.flows.revoke_api_key import revoke_api_key
from app.flows.steps import Credential
from app.foundation.database import have_alone
from app.foundation.opaque import random_base62
from tests.adversary.races import PATIENCE_SECONDS
from tests.builders import a_tenant, an_operator
from tests.conftest import environment, migrate
from tests.flows.test_exchange_of_changing_keys import wait_for
from tests.flows.test_statements import counted
from tests.guessers import id_of
from tests.named_keys import a_named_key, caller, name_of, rotated

HOME, BROWSER = Sender("192.0.2.7"), Sender("192.0.2.7", from_browser=True)
# Of a test that is not about it, a key has no limit.
USUAL = {"networks": ["192.0.2.0/24"], "from_browsers": True, "requests_per_minute": 1_000}


def exchange(key, tools, sender=HOME, scope="rooms:read rooms:write", client_id=None):
    credential = Credential(client_id, secret=key.api_key, sender=sender)
    return exchange_api_key(Exchange(credential, scope, offline=True, sender=sender), tools)


def refresh(key, pair, tools, sender=HOME):
    credential = Credential(key.id, secret=key.api_key, sender=sender)
    return refresh_access(Refresh(pair.refresh_token or "", credential=credential, sender=sender), tools)


def ask(act, *asked):
    """Give the kind of a refusal, or the scope that was given."""
    try:
        return act(*asked).scope
    except ServiceError as refusal:
        return type(refusal)


def minted(tools):
    """Tell how many tokens were counted as handed out to tenants for a key."""
    line = 'chalk_tokens_issued_total{by="exchange",subject="tenant"} '
    (found,) = (each for each in tools.metrics.exposition([]).decode().splitlines() if each.startswith(line))
    return float(found.removeprefix(line))


@pytest.fixture
def elsewhere(tools):
    """Another worker, on the same database."""
    return dataclasses.replace(tools, known_keys=KnownKeys())


@pytest.fixture
def key(tools, tenant):
    """A key that this worker knows, and that another worker can change."""
    key = a_named_key(tools, tenant, "rooms:read rooms:write offline_access", **USUAL)
    exchange(key, tools)
    with counted() as statements:
        exchange(key, tools)
    assert statements == ["INSERT"]
    return key


def changed(**changes: Any) -> Callable[..., object]:
    return lambda tenant, key, tools: change_api_key(
        caller(tenant, tools), tenant.id, name_of(key), KeyChanges(**changes), tools
    )


def told(**changes: Any) -> Callable[..., object]:
    return lambda tenant, _key, tools: change_tenant(
        authenticate_api_key(an_operator(tools), tools), tenant.id, Changes(**changes), tools
    )


ENDINGS: dict[str, tuple[Callable[..., object], type[ServiceError]]] = {
    "revoked": (
        lambda tenant, key, tools: revoke_api_key(caller(tenant, tools), tenant.id, name_of(key), tools),
        InvalidApiKeyError,
    ),
    "replaced": (lambda tenant, key, tools: rotated(tools, tenant, key), InvalidApiKeyError),
    "leaked": (lambda _tenant, key, tools: report_leak(key.api_key, tools, sender=HOME), InvalidApiKeyError),
    "suspended": (told(suspended=True), TenantSuspendedError),
    "somewhere else": (changed(networks=["198.51.100.0/24"]), KeyElsewhereError),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_key_that_another_worker_ended_opens_nothing(tools, elsewhere, tenant, key, ending):
    """
    A2, A9, B10: from the answer on that says so, by whatever it was ended; and nobody tries it twice.
    """
    end, refusal = ENDINGS[ending]

    end(tenant, key, elsewhere)

    assert ask(exchange, key, tools) == refusal
    with counted() as statements:
        assert ask(exchange, key, tools) == refusal
    assert "INSERT" not in statements


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_key_that_another_worker_ended_keeps_nothing_alive(tools, elsewhere, tenant, key, ending):
    """
    A2, A9, B10: by whatever it was ended; who refreshes is told of the key, and not of the session.
    """
    end, refusal = ENDINGS[ending]
    pair = exchange(key, tools)

    end(tenant, key, elsewhere)

    assert ask(refresh, key, pair, tools) == refusal
    assert ask(refresh, key, pair, tools) == refusal


def test_a_key_that_is_known_is_not_heard_from_where_it_may_not_be_shown(tools, tenant):
    """
    CONTRACT 2: from a browser, and from another network.
    """
    key = a_named_key(tools, tenant, "rooms:read rooms:write offline_access", networks=["192.0.2.0/24"])
    pair = exchange(key, tools)

    for sender, refusal in ((BROWSER, KeyInBrowserError), (Sender("198.51.100.7"), KeyElsewhereError)):
        assert ask(exchange, key, tools, sender) == refusal
        assert ask(refresh, key, pair, tools, sender) == refusal
    assert ask(refresh, key, pair, tools) == "rooms:read rooms:write"


def test_a_browser_is_told_as_soon_as_a_key_is_not_for_it_any_more(tools, elsewhere, tenant, key):
    """
    CONTRACT 2: a key that another worker took away from browsers works from elsewhere, and not from there.
    """
    pair = exchange(key, tools, BROWSER)

    changed(from_browsers=False)(tenant, key, elsewhere)

    assert ask(refresh, key, pair, tools, BROWSER) == KeyInBrowserError
    assert ask(exchange, key, tools, BROWSER) == KeyInBrowserError
    assert ask(exchange, key, tools) == "rooms:read rooms:write"


def test_a_key_gives_what_it_has_now(tools, elsewhere, tenant, key):
    """
    C13: what another worker took from it is refused, and what is left of it given.
    """
    changed(scopes="rooms:read offline_access")(tenant, key, elsewhere)

    assert ask(exchange, key, tools) == InvalidScopeError
    assert ask(exchange, key, tools, HOME, "rooms:read") == "rooms:read"
    assert ask(exchange, key, tools) == InvalidScopeError


def test_a_session_ends_with_its_key_when_that_ends_earlier_by_now(tools, elsewhere, tenant, key, clock):
    """
    C3: by another worker's word, and by the clock alone, which needs nobody's.
    """
    changed(expires_at=clock.now() + timedelta(seconds=90))(tenant, key, elsewhere)
    pair = exchange(key, tools)
    exchange(key, tools)

    clock.step(seconds=90)

    assert ask(exchange, key, tools) == InvalidApiKeyError
    assert ask(refresh, key, pair, tools) == InvalidApiKeyError


def test_a_client_that_may_show_assertions_alone_shows_its_key_in_vain(tools, elsewhere, tenant, key):
    """
    CONTRACT 3: from the moment at which another worker was told its keys; by itself the key goes on.
    """
    pair = exchange(key, tools, HOME, "rooms:read", tenant.id)

    told(client_keys=ClientKeys(None, "https://client.example.com/jwks.json"), client_scopes="rooms:read")(
        tenant, key, elsewhere
    )

    assert ask(exchange, key, tools, HOME, "rooms:read", tenant.id) == InvalidClientError
    assert ask(refresh, key, pair, tools) == InvalidClientError
    assert ask(exchange, key, tools, HOME, "rooms:read") == "rooms:read"


def test_a_limit_that_was_raised_or_lowered_holds_at_once(tools, elsewhere, tenant, key, clock):
    """
    CONTRACT 2: by another worker; a spent one is refused by what it is now, and not by what it was.
    """
    counting = dataclasses.replace(tools, quotas=Quotas(0, 0, 0, clock))
    # Once against the limit of before, and once against that of now.
    changed(requests_per_minute=2)(tenant, key, elsewhere)
    pair = exchange(key, counting)
    assert ask(exchange, key, counting) == QuotaSpentError
    assert ask(refresh, key, pair, counting) == QuotaSpentError

    changed(requests_per_minute=1_000)(tenant, key, elsewhere)

    assert ask(exchange, key, counting) == "rooms:read rooms:write"
    assert ask(refresh, key, pair, counting) == "rooms:read rooms:write"


def test_a_known_key_is_used_once_by_each_request_and_never_after_its_end(tools, elsewhere, tenant, key):
    """
    CONTRACT 2: what is noted of its uses is what there was: one more for an exchange, one for a refresh, none for what
    was refused.
    """
    pair = exchange(key, tools)
    tools.uses.take()

    refresh(key, exchange(key, tools), tools)
    (noted,) = tools.uses.take().values()
    assert (sum(noted.hours.values()), noted.last.address) == (2, HOME.address)

    revoke_api_key(caller(tenant, tools), tenant.id, name_of(key), elsewhere)
    tools.uses.take()
    assert ask(exchange, key, tools) == ask(refresh, key, pair, tools) == InvalidApiKeyError
    assert not tools.uses


def test_what_is_not_the_key_that_is_known_is_wrong(tools, key):
    """
    A3: its id with another secret, or as another tenant; and the key goes on.
    """
    made_up = compose("sk", "live", id_of(key), random_base62(SECRET_LENGTH))

    assert ask(exchange, dataclasses.replace(key, api_key=made_up), tools) == InvalidApiKeyError
    stranger = "tenant_01h455vb4pex5vsknk084sn02q"
    assert ask(exchange, key, tools, HOME, "rooms:read", stranger) == InvalidApiKeyError
    assert ask(exchange, key, tools) == "rooms:read rooms:write"


def test_a_made_up_refresh_token_says_nothing_of_a_key_that_is_over(tools, elsewhere, tenant, key):
    """
    A9: who is nobody's client is told that, whatever else is wrong; and a client that its token is.
    """
    made_up = dataclasses.replace(exchange(key, tools), refresh_token="eyJ.eyJ.x")
    assert ask(refresh, key, made_up, tools) == InvalidRefreshTokenError

    revoke_api_key(caller(tenant, tools), tenant.id, name_of(key), elsewhere)

    assert ask(refresh, key, made_up, tools) == InvalidApiKeyError


def test_a_key_in_its_grace_says_so_and_ends_with_it(tools, elsewhere, tenant, key, clock):
    """
    CONTRACT 2: from the first exchange after another worker has replaced it, until its grace is over.
    """
    assert exchange(key, tools).key_rotating_until is None

    rotated(elsewhere, tenant, key, grace_seconds=600)

    ends_at = clock.now() + timedelta(seconds=600)
    assert [exchange(key, tools).key_rotating_until for _ in range(2)] == [ends_at, ends_at]
    clock.step(seconds=600)
    assert ask(exchange, key, tools) == InvalidApiKeyError


@pytest.mark.parametrize("known", [True, False])
def test_what_cannot_be_signed_while_the_session_starts_holds_up_nobody(tools, key, known):
    """
    A21: a refusal in the middle of a statement leaves a connection on which the next one runs.
    """
    lost = dataclasses.replace(tools, families=dataclasses.replace(tools.families, current_kid=lambda: "nobody's"))
    for _ in range(2):
        if not known:
            tools.known_keys.forget(id_of(key))
        assert ask(exchange, key, lost) == MasterKeyAwayError

    assert ask(exchange, key, tools) == "rooms:read rooms:write"


def test_a_token_that_nobody_gets_is_not_counted(tools, elsewhere, tenant, key):
    """
    M: tokens are counted that were handed out, and none that was signed for a session that did not start.
    """
    counted_before = minted(tools)
    exchange(key, tools)
    assert minted(tools) == counted_before + 1

    changed(scopes="rooms:read offline_access")(tenant, key, elsewhere)
    assert ask(exchange, key, tools, HOME, "rooms:read") == "rooms:read"

    assert minted(tools) == counted_before + 2


def limited(tools, clock, per_tenant, per_session):
    """Give a worker of its own, that counts for itself."""
    return dataclasses.replace(tools, known_keys=KnownKeys(), quotas=Quotas(0, per_tenant, per_session, clock))


def test_a_key_that_is_over_is_told_so_whatever_is_used_up(tools, tenant, key, clock):
    """
    CONTRACT 2, A2: also where all that its tenant, or its session, may ask for is used up, and by whom it was known.
    """
    here = limited(tools, clock, 2, 2)
    pairs = [exchange(key, here), exchange(key, here)]
    pairs += [refresh(key, pairs[0], here)]
    pairs += [refresh(key, pairs[2], here)]
    assert ask(exchange, key, here) == QuotaSpentError
    assert ask(refresh, key, pairs[3], here) == QuotaSpentError

    revoke_api_key(caller(tenant, tools), tenant.id, name_of(key), tools)

    assert ask(refresh, key, pairs[3], here) == InvalidApiKeyError
    assert ask(exchange, key, here) == InvalidApiKeyError


@pytest.mark.parametrize("known", [True, False])
def test_who_stands_in_line_is_counted_once(tools, key, clock, known):
    """
    CONTRACT 2: against the limit of its tenant, and of its key; while somebody else has the key for themselves.
    """
    changed_limit = limited(tools, clock, 2, 0)
    if known:
        exchange(key, changed_limit)
    done: list[object] = []
    waiting = threading.Thread(target=lambda: done.append(ask(exchange, key, changed_limit)))

    with tools.database.transaction() as connection:
        have_alone(connection, f"api_keys/{id_of(key)}")
        waiting.start()
        if connection.dialect.name == "postgresql":
            wait_for(connection, 1)
    waiting.join(PATIENCE_SECONDS)
    if not known:
        done.append(ask(exchange, key, changed_limit))

    assert done == ["rooms:read rooms:write"] * len(done)
    assert ask(exchange, key, changed_limit) == QuotaSpentError


def test_what_is_left_is_told_by_the_limit_that_is_so_now(tools, elsewhere, tenant, key, clock):
    """
    CONTRACT 2: after another worker has raised it, and before.
    """
    here = limited(tools, clock, 0, 0)
    changed(requests_per_minute=2)(tenant, key, elsewhere)
    for _ in range(2):
        exchange(key, here)
    changed(requests_per_minute=900)(tenant, key, elsewhere)

    here.quotas.begin()
    exchange(key, here)

    assert here.quotas.nearest is not None
    assert here.quotas.nearest.limit.quota == 900


@pytest.mark.parametrize("statement", ["INSERT INTO families", "UPDATE families"])
def test_a_database_that_goes_away_in_the_middle_is_told_as_such(new_database, statement):
    """
    A21: whoever's key is known gets 503 and no tokens, is not taken for somebody else, and goes on afterwards.
    """
    url = new_database("postgresql")
    migrate(url)
    here = wiring_of(create_app(environment(url))).tools
    tenant = a_tenant(here)
    key = a_named_key(here, tenant, "rooms:read rooms:write offline_access", **USUAL)
    pair = exchange(key, here)
    left = [statement]

    def end(_connection, _cursor, text, *_rest):
        if left and text.startswith(left[0]):
            left.pop()
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )

    event.listen(Engine, "before_cursor_execute", end)
    try:
        asked = (exchange, key, here) if statement.startswith("INSERT") else (refresh, key, pair, here)
        assert ask(*asked) == DatabaseAwayError
    finally:
        event.remove(Engine, "before_cursor_execute", end)

    with counted() as statements:
        assert ask(*asked) == "rooms:read rooms:write"
    assert statements == [statement.split()[0]]
    here.database.close()
