"""RFC 9110 section 5.3: headers that may stand once and stand twice, as the server that we run reads them."""

import base64
import json
import socket

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from tests.builders import a_pair, a_tenant
from tests.conftest import environment, migrate
from tests.servers import serve

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.fixture(scope="module")
def server(new_database):
    """A server behind a proxy on this machine, a tenant and its tokens; what it reads is the same on any database."""
    url = new_database("sqlite")
    migrate(url)
    tools = wiring_of(create_app(environment(url))).tools
    tenant = a_tenant(tools)
    token = a_pair(tools, tenant).access_token
    tools.database.close()
    with serve(url, GUESSES_PER_SOURCE="2", TRUSTED_PROXIES="127.0.0.1") as running:
        yield running, tenant, token


def ask(server, line, *headers, body=b""):
    """Send headers as they are, and give the status and the body of the answer."""
    head = [line + " HTTP/1.1", *headers, "Connection: close", f"Content-Length: {len(body)}", "", ""]
    with socket.create_connection(("127.0.0.1", server[0].port), timeout=10) as wire:
        wire.sendall("\r\n".join(head).encode() + body)
        answer = b""
        while part := wire.recv(65_536):
            answer += part
    status, _, rest = answer.partition(b"\r\n")
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


def bearer(token, name="Authorization"):
    return f"{name}: Bearer {token}"


def basic(tenant):
    return "Authorization: Basic " + base64.b64encode(f"{tenant.id}:{tenant.api_key}".encode()).decode()


@pytest.mark.parametrize("second", ["same", "x", "", "key"])
def test_two_authorizations_are_none_where_a_token_is_wanted(server, second):
    """
    M: a good token that stands twice, or beside another, in either order, is 400; once it is 200.
    """
    _, tenant, token = server
    other = {"same": bearer(token), "x": bearer("x"), "": "authorization:", "key": basic(tenant)}[second]

    assert ask(server, "GET /api/v1/rooms", "Host: x", bearer(token))[0] == 200
    for headers in ((bearer(token), other), (other, bearer(token, "AUTHORIZATION"))):
        status, body = ask(server, "GET /api/v1/rooms", "Host: x", *headers)
        assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("second", ["same", "x", "", "token"])
def test_two_authorizations_are_none_where_a_client_is_wanted(server, second):
    """
    M, A5: the same of Basic, at the token endpoint: 401 invalid_client, and never the client that stands first.
    """
    _, tenant, token = server
    others = {"same": basic(tenant), "x": "Authorization: Basic eDp5", "": "Authorization:", "token": bearer(token)}
    other = others[second]
    usual, body = ("POST /oauth/token", "Host: x", f"Content-Type: {FORM}"), b"grant_type=client_credentials"

    assert ask(server, *usual, basic(tenant), body=body)[0] == 200
    for headers in ((basic(tenant), other), (other, basic(tenant))):
        status, answer = ask(server, *usual, *headers, body=body)
        assert (status, answer["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("path", ["/api/v1/rooms", "/oauth/token", "/.well-known/jwks.json", "/nowhere"])
def test_two_hosts_are_refused(server, path):
    """
    M, A20: whichever of them a proxy looked at, we answer as neither, in the words of the door.
    """
    for hosts in (("Host: x", "Host: y"), ("Host: x", "host: x")):
        status, body = ask(server, f"GET {path}", *hosts)
        assert status == 400
        assert body["error"] == "invalid_request" or body["error"]["code"] == "VALIDATION_ERROR"


def test_of_two_content_types_the_first_is_read_or_none(server):
    """
    M, A15: the server keeps the first of them from the application; what is read is what that one says, or it is 415.
    """
    _, tenant, _ = server
    body = b"grant_type=client_credentials"
    types = (f"Content-Type: {FORM}", f"Content-Type: {JSON}")

    one = ask(server, "POST /oauth/token", "Host: x", *types, basic(tenant), body=body)
    other = ask(server, "POST /oauth/token", "Host: x", *reversed(types), basic(tenant), body=body)

    assert (one[0], other[0], other[1]["error"]) == (200, 415, "invalid_request")
    both = ask(server, "POST /oauth/token", "Host: x", f"Content-Type: {FORM}, {JSON}", basic(tenant), body=body)
    assert both[0] == 415


def test_the_last_of_two_forwarded_fors_is_the_proxys(server):
    """
    A19: a proxy may add a header of its own behind the client's; the client's own is not believed.
    """
    key = "X-API-Key: nonsense"
    statuses = [
        ask(
            server, "GET /api/v1/rooms", "Host: x", key, f"X-Forwarded-For: 203.0.113.{n}", "X-Forwarded-For: 192.0.2.1"
        )
        for n in range(4)
    ]

    assert [status for status, _ in statuses] == [401, 401, 429, 429]
    assert ask(server, "GET /api/v1/rooms", "Host: x", key, "X-Forwarded-For: 203.0.113.1")[0] == 401
