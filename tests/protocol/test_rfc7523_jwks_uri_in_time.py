"""RFC 7523, `jwks_uri`: how long the server does not wait for a client's host."""

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.clients.fetch import FetchError, fetch
from app.entrypoints.wiring import wiring_of
from tests.assertions import a_key, an_assertion, change, form
from tests.builders import a_tenant
from tests.jwks_host import jwks_host, make_ca

OURS = frozenset({"localhost"})
# Five seconds once the name is resolved, and not more whatever the host does; one of grace for this machine.
PATIENCE_SECONDS = 6


def slow(host, first, again):
    """Say something, and then a little more every half second, for longer than anyone should listen."""

    def script():
        yield first
        for _ in range(2 * (PATIENCE_SECONDS + 4)):
            if host.ended.wait(0.5):
                return
            yield again

    host.script = script


HEAD = b"HTTP/1.1 200 OK\r\n"
SLOW = {
    "silent at TLS": None,
    "silent": (b"", b""),
    "drips its status": (b"H", b"T"),
    "drips a header": (HEAD + b"X: ", b"x"),
    "drips its body": (HEAD + b"Content-Length: 60000\r\n\r\n", b"x"),
    "drips chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "goes on with 100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


def seconds_of_a_fetch(context, way):
    with jwks_host(context if SLOW[way] else None) as host:
        slow(host, *(SLOW[way] or (b"", b"")))
        began = time.monotonic()
        with contextlib.suppress(FetchError):
            fetch(host.url, private_hosts=OURS)
        return time.monotonic() - began


def test_no_host_holds_the_server_up(tmp_path, monkeypatch):
    """
    I: a fetch is bounded in time as a whole: a host that is silent, or says a byte now and then, is left.
    """
    bundle, context = make_ca(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))

    with ThreadPoolExecutor(len(SLOW)) as pool:
        took = dict(zip(SLOW, pool.map(lambda way: seconds_of_a_fetch(context, way), SLOW), strict=True))

    assert {way: seconds for way, seconds in took.items() if seconds > PATIENCE_SECONDS} == {}


def resolved_to(monkeypatch, *addresses):
    """Let the name server say these addresses of every name."""

    def answer(_host, port, *_how, **_more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_every_address_of_a_host_is_tried_in_order(tmp_path, monkeypatch):
    """
    I: a host of which one address is dead still has its keys; an address that has answered is enough.
    """
    bundle, context = make_ca(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with jwks_host(context) as host:
        host.publish(a_key())
        for addresses in (("127.0.0.2", "127.0.0.3", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")):
            resolved_to(monkeypatch, *addresses)
            assert b"keys" in fetch(host.url, private_hosts=OURS)

        resolved_to(monkeypatch, "127.0.0.2", "127.0.0.3")
        with pytest.raises(FetchError) as away:
            fetch(host.url, private_hosts=OURS)

    assert away.value.kind == "away"


def test_one_private_address_among_public_ones_is_one_too_many(monkeypatch):
    """
    I: whoever mixes our own network in among public addresses does not get us to try them one after another.
    """
    with jwks_host(None) as ours:
        for addresses in (("8.8.8.8", "127.0.0.1"), ("127.0.0.1", "8.8.8.8")):
            resolved_to(monkeypatch, *addresses)
            with pytest.raises(FetchError) as refused:
                fetch(f"https://keys.example:{ours.port}/")
            assert refused.value.kind == "refused"

        assert ours.connections == 0


def test_requests_wait_a_second_and_together_a_tenth_of_the_time(make_app, tools, clock):
    """
    I: of a silent host, the first requests wait a little, and those after them not at all: whatever a stranger sends.
    """
    application, key = make_app(PRIVATE_JWKS_HOSTS="localhost"), a_key()
    http, tenants = application.test_client(), [a_tenant(tools) for _ in range(4)]
    with jwks_host(None) as host:
        slow(host, b"", b"")
        for number, each in enumerate(tenants):
            change(http, each, jwks_uri=f"{host.url}?{number}")

        seconds = []
        for number in range(40):
            began = time.monotonic()
            answer = http.post("/oauth/token", data=form(an_assertion(key, tenants[number % 4].id, clock.now())))
            seconds.append(time.monotonic() - began)
            assert answer.status_code == 503

    wiring_of(application).tools.database.close()
    # One second, one second, and what a tenth of the time meanwhile gave back.
    assert max(seconds) < 1.5
    assert sum(seconds) < 4
