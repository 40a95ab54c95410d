"""RFC 7523, `jwks_uri`: a host that does not answer is not one without keys; how often it is asked, what is kept."""

from typing import cast

import pytest

from app.domain.clients import RemoteKeys
from app.entrypoints.wiring import wiring_of
from tests.assertions import a_key, an_assertion, change, form
from tests.builders import a_tenant
from tests.jwks_host import jwks_host, make_ca

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA that is made for this file, and the TLS context of a server with its certificate."""
    return make_ca(tmp_path_factory.mktemp("ca"), "localhost")


@pytest.fixture
def host(authority, monkeypatch):
    """A host whose CA this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    with jwks_host(authority[1]) as running:
        yield running


@pytest.fixture
def http(make_app, clock):
    """A client of an application that may fetch from this machine, and has fetched nothing yet."""
    application = make_app(PRIVATE_JWKS_HOSTS="localhost")
    yield application.test_client()
    wiring_of(application).tools.database.close()


@pytest.fixture
def tenant(tools, http, host):
    """A tenant whose keys are published at the host."""
    made = a_tenant(tools)
    change(http, made, jwks_uri=host.url)
    return made


def ask(http, key, tenant, clock):
    return http.post(TOKEN, data=form(an_assertion(key, tenant.id, clock.now())))


def status(http, key, tenant, clock):
    return ask(http, key, tenant, clock).status_code


AWAY = {"error": "temporarily_unavailable", "error_description": "The keys of the client cannot be fetched"}


@pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
def test_an_assertion_outlives_the_outage_of_its_host(http, tenant, host, clock, path):
    """
    I: at every endpoint, 503 with Retry-After says that nothing is known; the assertion works when the host is back.
    """
    key = a_key()
    assertion = an_assertion(key, tenant.id, clock.now())
    host.say(503, b"")

    refused = [http.post(path, data=form(assertion, token="x")) for _ in range(2)]

    for answer in refused:
        assert (answer.status_code, answer.json) == (503, AWAY)
        assert int(answer.headers["Retry-After"]) >= 1
        assert "WWW-Authenticate" not in answer.headers

    host.publish(key)
    clock.step(seconds=5)
    assert http.post(path, data=form(assertion, token="x")).status_code == 200
    assert http.post(path, data=form(assertion, token="x")).status_code == 401


def test_a_host_that_answers_without_keys_has_none(http, tools, host, clock):
    """
    I: what is no JWK Set, or is gone, is an answer: 401 invalid_client, and not a reason to try again.
    """
    key = a_key()
    for number, code in enumerate((404, 410, 403, 302, 200)):
        host.say(code, b"nothing to use", "Location: /", "Content-Length: 14")
        other = a_tenant(tools)
        change(http, other, jwks_uri=f"{host.url}?{number}")

        answer = ask(http, key, other, clock)

        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_an_outage_does_not_lock_a_client_out_whose_keys_are_known(http, tenant, host, clock):
    """
    I: when the set cannot be fetched again, what was fetched before is kept, and the host is not asked all the time.
    """
    key = a_key()
    host.publish(key)
    assert status(http, key, tenant, clock) == 200
    host.say(503, b"")
    clock.step(minutes=11)

    for _ in range(5):
        assert status(http, key, tenant, clock) == 200

    assert len(host.requests) == 2


@pytest.mark.parametrize("said", [(503, b""), (200, b"<html>"), (403, b"")])
def test_an_outage_does_not_keep_a_key_alive_for_long(http, tenant, host, clock, said):
    """
    I: who can keep us from fetching a set cannot keep a withdrawn key working for more than an hour.
    """
    key = a_key()
    host.publish(key)
    assert status(http, key, tenant, clock) == 200
    host.say(*said)

    clock.step(minutes=59, seconds=59)
    assert status(http, key, tenant, clock) == 200
    clock.step(seconds=1)
    assert status(http, key, tenant, clock) == 503
    clock.step(days=1)
    assert status(http, key, tenant, clock) == 503


@pytest.mark.parametrize("code", [404, 410])
def test_a_set_that_is_gone_withdraws_every_key(http, tenant, host, clock, code):
    """
    I: to take the document away is to take the keys back; no outage is read into it.
    """
    key = a_key()
    host.publish(key)
    assert status(http, key, tenant, clock) == 200
    host.say(code, b"")

    clock.step(minutes=10)

    assert status(http, key, tenant, clock) == 401


def test_a_host_that_fails_is_asked_less_and_less(http, tenant, host, clock):
    """
    I: after 5 seconds, then 10, 20 and so on, at last every 10 minutes: never at the rate of whoever asks for tokens.
    """
    key = a_key()
    host.say(500, b"")
    assert status(http, key, tenant, clock) == 503

    for times, pause in enumerate([5, 10, 20, 40, 80, 160, 320, 600, 600, 600], 1):
        clock.step(seconds=pause - 1)
        assert (status(http, key, tenant, clock), len(host.requests)) == (503, times)
        clock.step(seconds=1)
        assert (status(http, key, tenant, clock), len(host.requests)) == (503, times + 1)


def test_who_is_back_is_believed_at_once(http, tenant, host, clock):
    """
    I: one good answer ends the pauses: the next failure is asked about again after 5 seconds.
    """
    key = a_key()
    host.say(500, b"")
    for pause in (0, 5, 10):
        clock.step(seconds=pause)
        assert status(http, key, tenant, clock) == 503
    host.publish(key)
    clock.step(seconds=20)
    assert status(http, key, tenant, clock) == 200

    host.say(500, b"")
    clock.step(minutes=10)
    assert status(http, key, tenant, clock) == 200
    asked = len(host.requests)
    clock.step(seconds=5)
    assert status(http, key, tenant, clock) == 200

    assert len(host.requests) == asked + 1


def test_keys_that_we_do_not_take_are_passed_over(http, tenant, host, clock):
    """
    RFC 7517 section 5: keys of kinds that we do not know stand beside ours, and hurt nobody.
    """
    key, private = a_key(), a_key()
    strange = [{"kty": "oct", "k": "AAAA", "kid": "a"}, {"kty": "XYZ"}, 5, None, {**private.jwk, "d": "AAAA"}]
    host.publish_as([*strange, key.jwk])

    assert status(http, key, tenant, clock) == 200
    assert status(http, private, tenant, clock) == 401


def test_a_fault_of_our_own_is_a_host_that_is_away(clock, caplog):
    """
    I: whatever happens while a set is fetched, it is logged, counts as a failure, and the URL is asked again later.
    """
    url, broken = "https://127.0.0.1/jwks", RemoteKeys(cast(frozenset[str], None))

    for pause in (5, 10, 20):
        assert broken.find(url, "k", now=clock.now()) is None
        clock.step(seconds=pause - 1)
        assert broken.find(url, "k", now=clock.now()) is None
        clock.step(seconds=1)

    assert [record.exc_info is not None for record in caplog.records] == [True] * 3
