"""RFC 7523, `jwks_uri`: keys that a client publishes are fetched, kept, and followed when they are rotated."""

import pytest

from app.entrypoints.wiring import wiring_of
from tests.assertions import a_key, an_assertion, change, form
from tests.builders import a_tenant
from tests.jwks_host import jwks_host, make_ca

TOKEN = "/oauth/token"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA that is made for this file, and the TLS context of a server with its certificate."""
    return make_ca(tmp_path_factory.mktemp("ca"), "localhost", "127.0.0.1")


@pytest.fixture
def host(authority, monkeypatch):
    """A host whose CA this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    with jwks_host(authority[1]) as running:
        yield running


@pytest.fixture
def http(make_app, clock):
    """A client of an application that may fetch from this machine, and has fetched nothing yet."""
    application = make_app(PRIVATE_JWKS_HOSTS="localhost, 127.0.0.1")
    yield application.test_client()
    wiring_of(application).tools.database.close()


@pytest.fixture
def tenant(tools, http, host):
    """A tenant whose keys are published at the host."""
    made = a_tenant(tools)
    change(http, made, jwks_uri=host.url)
    return made


ERRORS = {200: None, 401: "invalid_client", 503: "temporarily_unavailable"}


def status(http, key, tenant, clock):
    """Ask for a token with a fresh assertion; give the status, which is 200, 401 or, with its host away, 503."""
    answer = http.post(TOKEN, data=form(an_assertion(key, tenant.id, clock.now())))
    assert (answer.status_code == 200) == ("access_token" in answer.json), answer.text
    assert answer.json.get("error") == ERRORS[answer.status_code]
    return answer.status_code


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_published_keys_are_fetched_once_and_kept(http, tenant, host, clock, name):
    """
    I: assertions verify against the keys at the client's own URL, which is asked once for all of them.
    """
    ours, theirs = a_key("ES256"), a_key("RS256")
    host.publish(ours, theirs)
    change(http, tenant, jwks_uri=f"https://{name}:{host.port}/keys/of?a=client")

    for key in (ours, theirs, ours, theirs):
        assert status(http, key, tenant, clock) == 200
    clock.step(minutes=9, seconds=59)
    assert status(http, ours, tenant, clock) == 200

    assert host.requests == ["GET /keys/of?a=client HTTP/1.1"]


def test_a_query_alone_is_a_path_too(http, tenant, host, clock):
    """
    I: a URL without a path is asked for at the root (RFC 9110 section 4.2.3).
    """
    key = a_key()
    host.publish(key)
    change(http, tenant, jwks_uri=f"https://localhost:{host.port}?of=client")

    assert status(http, key, tenant, clock) == 200

    assert host.requests == ["GET /?of=client HTTP/1.1"]


def test_an_unknown_kid_asks_again_but_not_at_a_strangers_rate(http, tenant, host, clock):
    """
    I: assertions under made-up kids, signed or not, fetch the set at most once in 30 seconds.
    """
    known = a_key()
    host.publish(known)
    assert status(http, known, tenant, clock) == 200

    for _ in range(20):
        assert status(http, a_key(), tenant, clock) == 401
        clock.step(seconds=1)
    assert len(host.requests) == 1

    clock.step(seconds=10)
    for _ in range(20):
        assert status(http, a_key(), tenant, clock) == 401
    assert len(host.requests) == 2
    assert status(http, known, tenant, clock) == 200


def test_a_rotation_at_the_url_is_followed(http, tenant, host, clock):
    """
    I: a new key at the URL works after the minimum interval, without anyone telling us; the one it replaced does not.
    """
    old, new = a_key(), a_key()
    host.publish(old)
    assert status(http, old, tenant, clock) == 200
    host.publish(new)

    clock.step(seconds=29)
    assert status(http, new, tenant, clock) == 401
    clock.step(seconds=1)
    assert status(http, new, tenant, clock) == 200

    assert status(http, old, tenant, clock) == 401
    assert len(host.requests) == 2


def test_a_key_that_was_withdrawn_dies_with_the_cache(http, tenant, host, clock):
    """
    I: nobody has to present a new kid: after ten minutes the set is fetched anew, and what is gone from it is gone.
    """
    withdrawn = a_key()
    host.publish(withdrawn)
    assert status(http, withdrawn, tenant, clock) == 200
    host.publish(a_key())

    clock.step(minutes=10)

    assert status(http, withdrawn, tenant, clock) == 401


@pytest.mark.parametrize("emptied", [b'{"keys": []}', b'{"keys": [], "more": 1}'])
def test_an_emptied_set_withdraws_every_key(http, tenant, host, clock, emptied):
    """
    I: a client that takes all its keys back at the URL is heard when the set is fetched anew.
    """
    stolen = a_key()
    host.publish(stolen)
    assert status(http, stolen, tenant, clock) == 200
    host.say(200, emptied)

    clock.step(minutes=10)

    assert status(http, stolen, tenant, clock) == 401


def test_one_clients_keys_are_no_one_elses(http, tools, tenant, host, clock):
    """
    I: a key at one client's URL proves nothing for another client, which has a URL of its own.
    """
    key, other_key, other = a_key(), a_key(), a_tenant(tools)
    host.publish(key)
    change(http, other, jwks={"keys": [other_key.jwk]})

    assert status(http, key, tenant, clock) == 200
    assert status(http, key, other, clock) == 401
    assert status(http, other_key, tenant, clock) == 401


def test_a_new_url_is_used_at_once(http, tenant, host, authority, clock):
    """
    I: when the client moves its keys, the cache of the old URL does not outlive the change.
    """
    old, new = a_key(), a_key()
    host.publish(old)
    assert status(http, old, tenant, clock) == 200

    with jwks_host(authority[1]) as elsewhere:
        elsewhere.publish(new)
        change(http, tenant, jwks_uri=elsewhere.url)
        assert status(http, new, tenant, clock) == 200
    assert status(http, old, tenant, clock) == 401
