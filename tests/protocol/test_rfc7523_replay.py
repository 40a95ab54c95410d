"""RFC 7523: an assertion works once, whoever presents it again, wherever, and however often at the same moment."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from app.domain.clients.tables import SpentAssertionRow
from app.entrypoints.wiring import wiring_of
from app.foundation.identifiers import parse_id
from tests.adversary.races import at_once, lines_to
from tests.assertions import ClientKey, a_key, an_assertion, change, form, register
from tests.builders import a_tenant
from tests.servers import serve

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
RACERS = 16
ROUNDS = 30


@pytest.fixture
def key(http, tenant):
    """The one key of the tenant's client."""
    made = a_key("ES256")
    register(http, tenant, made)
    return made


def ask(http, assertion, path=TOKEN, **more):
    return http.post(path, data=form(assertion, token="x", **more))


def assert_is_no_client(answer):
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), answer.text


def spent(tools, *, tenant_id=None, before=None):
    """Count what is remembered of a tenant's client, or of all that expired before a moment."""
    row = SpentAssertionRow
    which = row.tenant_id == tenant_id if before is None else row.expires_at < before
    with tools.database.reading() as connection:
        return connection.execute(select(func.count()).where(which)).scalar_one()


@pytest.mark.parametrize("first", [TOKEN, REVOKE, INTROSPECT])
@pytest.mark.parametrize("second", [TOKEN, REVOKE, INTROSPECT])
def test_an_assertion_works_once(http, tenant, key, clock, *, first, second):
    """
    I: what was used at one endpoint is used up at all of them.
    """
    assertion = an_assertion(key, tenant.id, clock.now())

    assert ask(http, assertion, first).status_code == 200
    for _ in range(2):
        assert_is_no_client(ask(http, assertion, second))


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256"])
def test_it_is_the_jti_that_is_used_up(http, tenant, clock, alg):
    """
    I: another signature, other times, another key of the same client: with the same jti it is the same assertion.
    """
    key, other = a_key(alg), a_key("ES256", number=1)
    register(http, tenant, key, other)
    assert ask(http, an_assertion(key, tenant.id, clock.now(), jti="once")).status_code == 200

    changed: list[tuple[ClientKey, dict[str, Any]]] = [
        (key, {}),
        (key, {"exp": int(clock.now().timestamp()) + 299}),
        (other, {"iat": 0}),
    ]
    for signer, claims in changed:
        assert_is_no_client(ask(http, an_assertion(signer, tenant.id, clock.now(), jti="once", **claims)))
    assert ask(http, an_assertion(other, tenant.id, clock.now(), jti="Once")).status_code == 200


def test_each_client_has_jtis_of_its_own(http, tools, tenant, key, clock):
    """
    I: a jti that another client has used is not used up, or clients could lock each other out.
    """
    other, other_key = a_tenant(tools), a_key()
    register(http, other, other_key)

    assert ask(http, an_assertion(other_key, other.id, clock.now(), jti="1")).status_code == 200
    assert ask(http, an_assertion(key, tenant.id, clock.now(), jti="1")).status_code == 200


def test_a_forgery_uses_nothing_up(http, tenant, key, clock):
    """
    I: who cannot sign for the client cannot spend its jtis beforehand; nor does an assertion that is refused for its
    claims.
    """
    forged = ClientKey(key.alg, a_key(number=1).pair, key.kid)
    assert_is_no_client(ask(http, an_assertion(forged, tenant.id, clock.now(), jti="mine")))
    assert_is_no_client(ask(http, an_assertion(key, tenant.id, clock.now(), jti="mine", exp=1)))

    assert ask(http, an_assertion(key, tenant.id, clock.now(), jti="mine")).status_code == 200


@pytest.mark.parametrize(
    "more", [{"scope": "nonsense"}, {"resource": "https://x"}, {"grant_type": "refresh_token", "refresh_token": "x"}]
)
def test_a_request_that_is_refused_uses_it_up(http, tenant, key, clock, more):
    """
    I: whoever saw an assertion in a failed request does not get a second try with it.
    """
    assertion = an_assertion(key, tenant.id, clock.now())

    assert ask(http, assertion, **more).status_code == 400
    assert_is_no_client(ask(http, assertion))


def test_it_stays_used_up_for_as_long_as_it_could_be_accepted(http, tenant, key, clock):
    """
    I: from the first second to the last, the allowance for clocks included, and also when a clock is put back.
    """
    assertion = an_assertion(key, tenant.id, clock.now(), exp=int(clock.now().timestamp()) + 300)
    assert ask(http, assertion).status_code == 200

    for step in (1, 298, 1, 59, 1, 3600, -3660):
        clock.step(seconds=step)
        assert_is_no_client(ask(http, assertion))


def test_what_nobody_could_use_again_is_forgotten(http, tools, tenant, key, clock):
    """
    I: each use lets up to five go that are long over, of whichever client; so there are never many more than are alive.
    """
    used = [an_assertion(key, tenant.id, clock.now()) for _ in range(7)]
    for assertion in used:
        assert ask(http, assertion).status_code == 200

    # Their own 60 seconds, a minute for the clients' clocks, and one for our own.
    clock.step(seconds=178)
    fresh = [an_assertion(key, tenant.id, clock.now()) for _ in range(4)]
    assert ask(http, fresh[0]).status_code == 200
    assert spent(tools, tenant_id=parse_id("tenant", tenant.id)) == 8

    clock.step(seconds=3)
    over = spent(tools, before=clock.now() - timedelta(minutes=1))
    assert over >= 7
    for assertion in fresh[1:]:
        assert ask(http, assertion).status_code == 200
        over = max(over - 5, 0)
        assert spent(tools, before=clock.now() - timedelta(minutes=1)) == over
    for assertion in used + fresh:
        assert_is_no_client(ask(http, assertion))


def test_new_keys_do_not_make_old_assertions_new(http, tenant, key, clock):
    """
    I: taking the keys back and registering them again does not forget what was used.
    """
    assertion = an_assertion(key, tenant.id, clock.now())
    assert ask(http, assertion).status_code == 200

    change(http, tenant, jwks=None)
    register(http, tenant, key)

    assert_is_no_client(ask(http, assertion))


def test_of_many_threads_one_is_let_in(make_app, tenant, key, clock):
    """
    I: the same assertion 16 times at the same moment, over all endpoints, authenticates once.
    """
    application = make_app(DATABASE_POOL_SIZE=str(RACERS))
    clients = [application.test_client() for _ in range(RACERS)]
    paths = [TOKEN, REVOKE, INTROSPECT, TOKEN] * (RACERS // 4)

    for _ in range(ROUNDS):
        assertion = an_assertion(key, tenant.id, clock.now())
        answers = at_once([partial(ask, client, assertion, path) for client, path in zip(clients, paths, strict=True)])

        assert sorted(answer.status_code for answer in answers) == [200] + [401] * (RACERS - 1)
        assert {answer.json["error"] for answer in answers if answer.status_code == 401} == {"invalid_client"}
    wiring_of(application).tools.database.close()


def test_of_many_processes_one_lets_it_in_and_none_after_a_restart(database_url, http, tenant, key, clock):
    """
    I: over four workers an assertion works once; after a restart no worker knows it as new.
    """
    spent, ends = [], int(clock.now().timestamp()) + 240
    with serve(database_url, workers=4) as server, lines_to(server, RACERS) as lines:
        for _ in range(ROUNDS):
            fields = form(an_assertion(key, tenant.id, clock.now(), exp=ends))
            answers = at_once([partial(line.send, TOKEN, form=fields) for line in lines])
            assert sorted(answer.status for answer in answers) == [200] + [401] * (RACERS - 1), answers
            spent.append(fields)

    with serve(database_url, workers=4) as again, lines_to(again, 1) as (line,):
        for fields in spent:
            answer = line.send(TOKEN, form=fields)
            assert (answer.status, answer.body["error"]) == (401, "invalid_client")
        fresh = form(an_assertion(key, tenant.id, clock.now(), exp=ends))
        assert line.send(TOKEN, form=fresh).status == 200
