"""Refused before the body has arrived: what becomes of the connection, and of the next request on it."""

import http.client
import select
import socket

import pytest

from tests import servers

BODY = b'{"grace_period": 600}'
HEAD = (
    b"POST %s HTTP/1.1\r\nHost: chalk\r\nX-API-Key: nonsense\r\n"
    b"Content-Type: application/json\r\nContent-Length: 21\r\n\r\n"
)


@pytest.fixture(scope="module")
def server(database_url):
    with servers.serve(database_url) as running:
        yield running


def readable(line):
    """Wait a moment for an answer or the end of the connection."""
    return bool(select.select([line], [], [], 0.5)[0])


def answer_on(line):
    """Read one answer: its status, and whether the server said that it closes the connection."""
    with http.client.HTTPResponse(line, method="POST") as answer:
        answer.begin()
        answer.read()
        return answer.status, answer.will_close


@pytest.mark.parametrize("path", [b"/api/v1/tenants/tenant_x/rotate-key", b"/api/v1/rooms"])
def test_a_refusal_before_the_body_does_not_close_the_connection_without_a_word(server, path):
    """
    C3: a proxy that keeps its connections open gets an answer to each request, and never has to make up a 502.
    """
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(HEAD % path)
        early = answer_on(line) if readable(line) else None
        hung_up = early is not None and readable(line)
        if not hung_up:
            line.sendall(BODY)
        status, closes = early or answer_on(line)

    assert status == 401
    assert closes or not hung_up, "closed without a word, so that the next request on this line is lost"
