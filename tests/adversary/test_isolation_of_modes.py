"""Test keys and live ones are like two tenants: at every endpoint, what is of the other mode is not there."""

import pytest

from tests.adversary.endpoints import endpoints, seen
from tests.adversary.tenancies import a_tenancy, bearer, by, missing_ids, rows_of
from tests.adversary.test_isolation import TOKENS, another_tenant, by_id, somebodys

# The very same promises as between tenants, kept between the two modes of one: see `victim` and `other`.
from tests.adversary.test_isolation_of_tokens import (
    test_no_key_is_exchanged_for_what_is_anothers as test_no_key_is_exchanged_for_what_is_anothers,
)
from tests.adversary.test_isolation_of_tokens import (
    test_nobody_exchanges_the_token_or_key_of_another as test_nobody_exchanges_the_token_or_key_of_another,
)
from tests.adversary.test_isolation_of_tokens import (
    test_nobody_exchanges_their_own_for_what_is_anothers as test_nobody_exchanges_their_own_for_what_is_anothers,
)
from tests.adversary.test_isolation_of_tokens import (
    test_nobody_introspects_the_tokens_of_another as test_nobody_introspects_the_tokens_of_another,
)
from tests.adversary.test_isolation_of_tokens import (
    test_nobody_refreshes_with_the_token_of_another as test_nobody_refreshes_with_the_token_of_another,
)
from tests.adversary.test_isolation_of_tokens import (
    test_nobody_revokes_the_tokens_of_another as test_nobody_revokes_the_tokens_of_another,
)
from tests.named_keys import a_named_key

READING = {"GET", "HEAD"}
CREDENTIALS = ["key", "token", "room", "host"]
# What a live key manages of both modes.
FROM_ABOVE = {"key_id", "session_id"}
FROM_ABOVE_LISTS = {"chalk.api_keys.list_all", "chalk.sessions.list_all"}
# All that a test key does to its tenant itself; whatever is not here is refused, so a new route has to be thought of.
OF_THE_TENANT = {
    "chalk.tenants.read_one",
    "chalk.tenants.rotate_key",
    "chalk.api_keys.create",
    "chalk.api_keys.list_all",
}


def both(http, tools):
    """Give the live and the test world of one tenant."""
    live = a_tenancy(http, tools)
    return live, a_tenancy(http, tools, a_named_key(tools, live.tenant, mode="test"))


@pytest.fixture(params=["live by test", "test by live"])
def worlds(request, http, tools):
    """One mode of a tenant, which is spied at, and the other, which spies."""
    live, test = both(http, tools)
    return (live, test) if request.param == "live by test" else (test, live)


@pytest.fixture
def victim(worlds):
    """Whoever is spied at."""
    return worlds[0]


@pytest.fixture
def other(worlds):
    """Whoever spies."""
    return worlds[1]


def has_business(spy, chosen):
    return spy.tenant.api_key.startswith("sk_live") and set(chosen) <= FROM_ABOVE


def test_what_is_of_the_other_mode_is_answered_like_what_is_missing(app, tools, http, victim, other):
    """
    B8: with any credential of one mode, at any endpoint, an id of the other mode and an id of nothing are answered
    alike, byte for byte, and nothing of either is changed; but a live key manages test keys and their sessions.
    """
    before, differing = rows_of(victim, tools), []

    for kind in CREDENTIALS:
        spy = another_tenant(kind)(victim, other, tools)
        statuses: dict[bool, set[int]] = {True: set(), False: set()}
        for endpoint in by_id(app):
            for chosen in somebodys(endpoint.arguments - {"tenant_id"}):
                if kind == "key" and has_business(other, chosen):
                    continue
                theirs, nothing = ({name: ids[name] for name in chosen} for ids in (victim.ids(), missing_ids()))
                answer = endpoint.ask(http, spy.ids | theirs, spy.headers)
                if seen(answer) != seen(endpoint.ask(http, spy.ids | nothing, spy.headers)):
                    differing.append(f"{endpoint}, {chosen} by {kind}: {answer.status_code} {answer.text}")
                statuses[endpoint.takes_tokens].add(answer.status_code)
        assert statuses[True] == TOKENS[kind]
        assert statuses[False] <= spy.at_key

    assert differing == []
    assert rows_of(victim, tools) == before


def test_a_test_key_does_in_its_world_what_a_live_one_does_in_its(app, tools, http):
    """
    B8: the matrix refuses the other mode, and not everybody: each of its requests succeeds with a test key, and with a
    test token where one does; but whatever would change the tenant itself, or tell of what is live, is 403.
    """
    live, reader = both(http, tools)
    for endpoint in endpoints(app):
        of_tenant = endpoint.path.startswith("/api/v1/tenants") and endpoint.arguments <= {"tenant_id"}
        refused = of_tenant and endpoint.name not in OF_THE_TENANT
        for credential in ("key", "token") if endpoint.takes_tokens else ("key",):
            reading = endpoint.method in READING or refused
            world = reader if reading else a_tenancy(http, tools, a_named_key(tools, live.tenant, mode="test"))
            headers = by(world.tenant.api_key) if credential == "key" else bearer(world.token)
            answer = endpoint.ask(http, world.ids(), headers)
            assert answer.status_code in ({403} if refused else {200, 201}), f"{endpoint}: {answer.text}"
    assert http.get(f"/api/v1/tenants/{live.tenant.id}", headers=by(live.tenant.api_key)).status_code == 200


def test_no_list_shows_what_is_of_the_other_mode(app, tools, http):
    """
    B8: lists of rooms and participants hold those of the caller's mode; those of keys and sessions too for a test key,
    while a live one sees all of its tenant's.
    """
    live, test = both(http, tools)
    told = set()

    for endpoint in [each for each in endpoints(app) if each.operation.paged and each.method == "GET"]:
        of_live, of_test = (endpoint.ask(http, each.ids(), by(each.tenant.api_key), limit=100) for each in (live, test))
        if {of_live.status_code, of_test.status_code} != {200}:
            continue
        told.add(endpoint.name)
        assert shown(live, of_live), endpoint
        assert shown(test, of_test), endpoint
        assert not shown(live, of_test), endpoint
        assert bool(shown(test, of_live)) == (endpoint.name in FROM_ABOVE_LISTS), endpoint

    assert told >= {"chalk.rooms.list_all", "chalk.participants.list_all", *FROM_ABOVE_LISTS}


@pytest.mark.parametrize("path", ["rooms", "sessions", "tenants/{tenant_id}/api-keys"])
def test_no_cursor_leads_from_one_mode_into_the_other(http, tools, path):
    """
    B8: where a list goes on is told to the mode that it was told by; in the other it is no cursor of that list.
    """
    live, test = both(http, tools)
    a_named_key(tools, test.tenant, mode="test")
    place = f"/api/v1/{path.format(tenant_id=live.tenant.id)}"
    keys = [live.tenant.api_key, test.tenant.api_key]
    cursors = [
        http.get(place, query_string={"limit": 1}, headers=by(key)).json["pagination"]["next_cursor"] for key in keys
    ]
    assert None not in cursors

    asked = [(key, cursor) for key in keys for cursor in cursors]
    statuses = [http.get(place, query_string={"cursor": cursor}, headers=by(key)).status_code for key, cursor in asked]

    assert statuses == [200, 400, 400, 200]


def shown(world, answer):
    """Which ids of a world, but for the tenant's, stand in an answer."""
    ids = [each for place in (world.first, world.second) for each in world.ids(place).values()]
    return [each for each in ids if each != world.tenant.id and each in answer.text]
