"""What reaches the servers behind nginx, and how often: nothing forged, nothing smuggled, nothing twice."""

import contextlib
import json
import socket
import threading
import time

import pytest

from tests.deploy.edge import nginx, read
from tests.deploy.upstreams import ok, upstream

JWKS = "/.well-known/jwks.json"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: auth.example.com\r\n\r\n"
HEAD = "POST /api/v1/rooms HTTP/1.1\r\nHost: auth.example.com\r\n"

# In the spellings of several proxies, and as only a header with an underscore can be mistaken for them.
FORGED = """
    X-Forwarded-For X_Forwarded_For x-forwarded-for X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Port
    X-Forwarded-Prefix X-Forwarded-Server X-Forwarded-Ssl X-Forwarded-Scheme X-Forwarded-User Forwarded X-Real-IP
    X-Client-IP True-Client-IP X-Original-URL X-Rewrite-URL X-HTTP-Method-Override Proxy Client-Cert
    Client-Cert-Chain X-Client-Cert X-SSL-Client-Cert X-SSL-Client-Verify X-Forwarded-Client-Cert SSL-Client-Cert
    X-ARR-ClientCert Upgrade TE Front-End-Https X.Forwarded.For X_SSL_CLIENT_CERT
"""

# A body that one reader takes for one request, and another for two; and what no reader should have to guess about.
SHAPES = {
    "CL.TE": f"{HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE.CL": f"{HEAD}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n{SMUGGLED}0\r\n\r\n",
    "TE.TE": f"{HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE of another kind": f"{HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE of two kinds": f"{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE with a tab": f"{HEAD}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE with a space before the colon": f"{HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE folded": f"{HEAD}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE in HTTP/1.0": f"{HEAD.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "two lengths": f"{HEAD}Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "one length twice": f"{HEAD}Content-Length: 0\r\nContent-Length: 0\r\n\r\n{SMUGGLED}",
    "a list of lengths": f"{HEAD}Content-Length: 0, {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "a signed length": f"{HEAD}Content-Length: +0\r\n\r\n{SMUGGLED}",
    "a negative length": f"{HEAD}Content-Length: -1\r\n\r\n{SMUGGLED}",
    "a length in hex": f"{HEAD}Content-Length: 0x0\r\n\r\n{SMUGGLED}",
    "a chunk without a size": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "a chunk of letters": f"{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n{SMUGGLED}",
    "a chunk of a negative size": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n{SMUGGLED}",
    "a chunk beyond 64 bits": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n{SMUGGLED}",
    "a chunk that goes on": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n{SMUGGLED}",
    "a header that begins with a space": f"{HEAD}Content-Length: 0\r\n X-A: b\r\n\r\n{SMUGGLED}",
    "a NUL": f"{HEAD}Content-Length: 0\r\nX-A: a\x00b\r\n\r\n{SMUGGLED}",
    "a bare CR": f"{HEAD}Content-Length: 0\r\nX-A: a\rX-B: b\r\n\r\n{SMUGGLED}",
    "no host": f"{HEAD.partition('Host')[0]}Content-Length: 0\r\n\r\n{SMUGGLED}",
}


@pytest.fixture(scope="module")
def pair():
    """Two servers behind nginx, neither of them ours."""
    with upstream() as one, upstream() as other, nginx({"8000": one.port, "8001": other.port}) as edge:
        yield edge, one, other


@pytest.fixture(autouse=True)
def _afresh(pair):
    """Each test finds both alive."""
    for each in pair[1:]:
        each.reply = upstream_default(each)
        each.arrived.clear()


def upstream_default(each):
    """Answer by what arrived, and by whom."""
    return lambda arrived: ok(
        json.dumps({"by": each.port, "line": arrived.line, "headers": dict(arrived.headers)}).encode()
    )


def at_once(edge, both, number):
    """So many clients ask for the JWKS before the first of them is answered; each with another query."""
    asked = threading.Event()
    for each in both:
        answer = each.reply
        each.reply = lambda arrived, answer=answer: answer(arrived) if asked.wait(10) else None
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(edge.connect()) for _ in range(number)]
        for each, wire in enumerate(crowd):
            wire.sendall(f"GET {JWKS}?{each} HTTP/1.1\r\nHost: auth.example.com\r\nConnection: close\r\n\r\n".encode())
        asked.set()
        assert [read(wire).status for wire in crowd] == [200] * number


def until(attempt, seconds=8):
    """Repeat an attempt until it gives something; the clock bounds how often."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := attempt():
            return found
    raise AssertionError("it never happened")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_that_can_be_read_in_two_ways_is_refused(pair, shape):
    """
    M: it is answered 4xx or 501, its connection is closed, and nothing of it reaches a server.
    """
    edge, *both = pair
    with edge.connect() as wire:
        wire.sendall(SHAPES[shape].encode("latin-1"))
        answer = read(wire)

    assert answer.status in {400, 501}, answer
    assert answer.header("connection") == "close"
    assert not [arrived.line for each in both for arrived in each.arrived]


def test_a_body_in_chunks_arrives_whole(pair):
    """
    What is right is passed on in one piece with its length, and the next request on the connection is its own.
    """
    edge, *both = pair
    chunks = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Api-Key: trailing\r\n\r\n"
    with edge.connect() as wire:
        wire.sendall((chunks + "GET /next HTTP/1.1\r\nHost: auth.example.com\r\nConnection: close\r\n\r\n").encode())
        read(wire)

    arrived = sorted((each for one in both for each in one.arrived), key=lambda each: each.line, reverse=True)
    assert [(each.line, each.body) for each in arrived] == [
        ("POST /api/v1/rooms HTTP/1.1", b"abcde"),
        ("GET /next HTTP/1.1", b""),
    ]
    assert (arrived[0].all("content-length"), arrived[0].all("transfer-encoding")) == (["5"], [])
    assert arrived[0].all("x-api-key") == []


def test_what_only_a_proxy_may_say_is_ours(pair):
    """
    A19: of addresses, names, certificates and rewritten URLs that a client sends, none arrives; ours do, once.
    """
    edge, one, other = pair
    forged = FORGED.split()
    theirs = ["X-API-Key: sk_live_x", "Idempotency-Key: k", "Authorization: Bearer y", "Accept: a/b"]
    edge.ask("GET /api/v1/rooms?a=b", *(f"{name}: forged" for name in forged), *theirs, source="127.0.0.5")

    (arrived,) = one.arrived + other.arrived
    assert arrived.line == "GET /api/v1/rooms?a=b HTTP/1.1"
    assert [(name, value) for name, value in arrived.headers if value == "forged"] == []
    ours = {
        "x-forwarded-for": ["127.0.0.5"],
        "x-forwarded-proto": ["https"],
        "host": ["auth.example.com"],
        "x-api-key": ["sk_live_x"],
        "idempotency-key": ["k"],
        "authorization": ["Bearer y"],
    }
    assert {name: arrived.all(name) for name in ours} == ours


def test_what_was_sent_is_never_sent_again(pair):
    """
    N: a server that dies over a POST or PATCH has seen it once, and no other has; the client is told to come back.
    """
    edge, one, other = pair
    one.reply = lambda arrived: None

    def at(method):
        def attempt():
            other.arrived.clear()
            one.arrived.clear()
            answer = edge.ask(f"{method} /oauth/token", body=b"refresh_token=x", source="127.0.0.6")
            return answer if one.arrived else None

        return until(attempt)

    for method in ("POST", "PATCH"):
        answer = at(method)
        assert (answer.status, answer.header("retry-after")) == (503, "1")
        assert json.loads(answer.body)["error"] == "temporarily_unavailable"
        assert [len(each.arrived) for each in (one, other)] == [1, 0]
    # To read once more does no harm.
    answer = at("GET")
    assert (answer.status, [len(each.arrived) for each in (one, other)]) == (200, [1, 1])


def test_what_may_not_be_repeated_has_a_connection_of_its_own(pair):
    """
    N: no POST or DELETE goes over a connection that was used before, and may be closed at that moment; GETs share.
    """
    edge, one, other = pair

    def connections(method):
        one.arrived.clear()
        other.arrived.clear()
        for _ in range(8):
            assert edge.ask(f"{method} /api/v1/rooms").status == 200
        return len({arrived.connection for each in (one, other) for arrived in each.arrived})

    assert connections("GET") < 8
    assert [connections(method) for method in ("POST", "PATCH", "DELETE")] == [8, 8, 8]


def test_a_server_that_is_away_is_not_noticed():
    """
    N: what could not be sent was not sent; it goes to another server, whatever the method.
    """
    with socket.socket() as taken, upstream() as alive:
        taken.bind(("127.0.0.1", 0))
        with nginx({"8000": taken.getsockname()[1], "8001": alive.port}) as halved:
            statuses = [halved.ask("POST /oauth/token", body=b"x=y").status for _ in range(6)]
            assert (statuses, len(alive.arrived)) == ([200] * 6, 6)
            assert "Connection refused" in (halved.folder / "log" / "error.log").read_text()


def test_an_answer_of_the_server_is_passed_on_as_it_is(pair):
    """
    N: a 503, 429 or 401 is the server's own word: no other server is asked, and nothing is put in its place.
    """
    edge, one, other = pair
    for status in ("503 Service Unavailable", "429 Too Many Requests", "502 Bad Gateway", "401 Unauthorized"):
        answer = f"HTTP/1.1 {status}\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\nmine".encode()
        one.reply = other.reply = lambda arrived, answer=answer: answer
        for method in ("POST", "GET"):
            got = edge.ask(f"{method} /api/v1/auth/token", source="127.0.0.10")
            assert (got.status, got.body, got.header("retry-after")) == (int(status[:3]), b"mine", "7")
    assert len(one.arrived) + len(other.arrived) == 8


def test_the_documents_outlive_the_server(pair):
    """
    E4: one copy a second serves everybody; a new one is seen within seconds; with the servers gone, the last one stays.
    """
    edge, one, other = pair
    both = (one, other)

    def publish(text):
        headers = ("Cache-Control: public, max-age=300", f'ETag: "{text}"', "Content-Type: application/jwk-set+json")
        for each in both:
            each.arrived.clear()
            each.reply = lambda arrived: ok(text.encode(), *headers)

    publish("first")
    at_once(edge, both, 20)
    assert len(one.arrived) + len(other.arrived) == 1
    assert edge.ask(f"GET {JWKS}").header("cache-control") == "public, max-age=300"
    assert edge.ask(f"GET {JWKS}", 'If-None-Match: "first"').status == 304

    publish("second")
    until(lambda: edge.ask(f"GET {JWKS}").body == b"second", seconds=4)

    for each in both:
        each.reply = lambda arrived: None
    log = edge.folder / "log" / "access.log"
    until(lambda: edge.ask(f"GET {JWKS}").body == b"second" and '"cache":"STALE"' in log.read_text(), seconds=4)
    away = edge.ask("GET /.well-known/oauth-authorization-server")
    assert (away.status, json.loads(away.body)["error"]) == (503, "temporarily_unavailable")
    assert edge.ask(f"GET {JWKS}").body == b"second"
    assert json.loads(edge.ask("GET /api/v1/rooms").body)["error"]["code"] == "SERVICE_UNAVAILABLE"
