"""RFC 7523, `jwks_uri`: how long the server does not wait for a client's host."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

from app.domain.clients.fetch import FetchError, fetch
from tests.jwks_host import jwks_host, make_ca

OURS = frozenset({"localhost"})
# Three seconds for each of a few steps (the name, the connection, the answer), and not more whatever the host does.
PATIENCE_SECONDS = 8


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
