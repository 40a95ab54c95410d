"""A stranger who has the server ask hosts that never answer holds nobody else up."""

import contextlib
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.results import Changes, ClientKeys
from tests.adversary.races import lines_to
from tests.assertions import ClientKey, a_key, an_assertion, form
from tests.builders import a_tenant
from tests.conftest import environment
from tests.jwks_host import jwks_host, make_ca
from tests.servers import serve

# More lines of strangers than the workers have threads.
WORKERS, STRANGERS = 2, 12
SECONDS = 6
# By design, all that a worker waits in one go is two seconds.
USUAL_SECONDS, LONGEST_SECONDS = 0.3, 3


@pytest.fixture
def tools(database_url):
    """Tools with the machine's own clock, beside the server."""
    found = wiring_of(create_app(environment(database_url))).tools
    yield found
    found.database.close()


def a_client_at(url, tools):
    """A tenant whose client's keys are published at a URL."""
    tenant = a_tenant(tools)
    changes = Changes(client_keys=ClientKeys(jwks_uri=url))
    change_tenant(authenticate_api_key(tenant.api_key, tools), tenant.id, changes, tools)
    return tenant


def say_nothing(host):
    """Keep who came waiting for as long as the host is there."""
    host.ended.wait()
    return ()


def a_token_by(line, key: ClientKey, tenant):
    asked = form(an_assertion(key, tenant.id, datetime.now(UTC), aud="http://127.0.0.1:8000"), scope="rooms:read")
    return line.send("/oauth/token", form=asked)


def flood(line, key, tenants, until):
    """Present assertions that nobody signed; give what was told."""
    told = set[int]()
    while time.monotonic() < until:
        for tenant in tenants:
            told.add(a_token_by(line, key, tenant).status)
    return told


def measured(ask, until):
    """Ask again and again; give the statuses and how long each answer took."""
    answers: list[tuple[int, float]] = []
    while time.monotonic() < until:
        began = time.monotonic()
        status = ask().status
        answers.append((status, time.monotonic() - began))
    return answers


def test_silent_hosts_hold_up_their_own_clients_alone(database_url, tools, tmp_path, monkeypatch):
    """
    I: while strangers name hosts that accept and never answer, other tenants get tokens as ever, by API key and by
    assertion; a client whose own host is healthy is put off for a moment at most.
    """
    bundle, context = make_ca(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(jwks_host(None)) for _ in range(3)]
        for host in silent:
            host.script = partial(say_nothing, host)
        healthy, key, forged = stack.enter_context(jwks_host(context)), a_key(), a_key()
        healthy.publish(key)
        victims = [a_client_at(host.url, tools) for host in silent]
        client, other = a_client_at(healthy.url, tools), a_tenant(tools)

        server = stack.enter_context(serve(database_url, workers=WORKERS, PRIVATE_JWKS_HOSTS="localhost"))
        *theirs, ours, clients = stack.enter_context(lines_to(server, STRANGERS + 2))
        pool = stack.enter_context(ThreadPoolExecutor(STRANGERS + 2))
        until = time.monotonic() + SECONDS
        strangers = [pool.submit(flood, line, forged, victims, until) for line in theirs]
        asked = pool.submit(measured, lambda: ours.send("/api/v1/auth/token", {"api_key": other.api_key}), until)
        proved = pool.submit(measured, lambda: a_token_by(clients, key, client), until)
        by_key, by_assertion = asked.result(), proved.result()
        told = set().union(*(each.result() for each in strangers))

    assert told == {503}
    assert all(host.connections for host in silent)
    assert {status for status, _ in by_key} == {200}
    for answers in (by_key, by_assertion):
        seconds = [each for _, each in answers]
        assert statistics.median(seconds) < USUAL_SECONDS
        assert max(seconds) < LONGEST_SECONDS
    statuses = [status for status, _ in by_assertion]
    assert set(statuses) <= {200, 503}
    assert statuses.count(503) <= 2 * WORKERS
