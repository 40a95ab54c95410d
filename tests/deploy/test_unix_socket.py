"""The server on a unix socket behind nginx: who a client is comes from nginx alone."""

import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MASTER_KEY, migrate
from tests.deploy.conftest import AUDIENCES, ISSUER
from tests.deploy.edge import nginx
from tests.servers import COMMAND, Manner, serve

GUESSES = 3
JSON = "Content-Type: application/json"


@pytest.fixture
def url(new_database: Callable[[str], str]) -> str:
    """A database of SQLite."""
    made = new_database("sqlite")
    migrate(made)
    return made


@pytest.fixture
def path():
    """Where to listen; nginx's workers are an ordinary user, who must reach the folder."""
    with tempfile.TemporaryDirectory(prefix="chalk-socket-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "one.sock"


def guess(edge, source, *headers):
    body = json.dumps({"api_key": "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"}).encode()
    return edge.ask("POST /api/v1/auth/token", JSON, *headers, body=body, source=source).status


def test_a_client_is_who_nginx_says(url, path):
    """
    A19: clients are told apart over a socket, whatever they say of themselves; and what a server that was killed left
    behind keeps the next one from nothing.
    """
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    manner = Manner(options=("--socket", str(path), "--socket-mode", "0666"))
    servers = {"chalk-auth/servers.conf": f"server unix:{path};"}
    running = serve(
        url, manner, ISSUER=ISSUER, AUDIENCES=AUDIENCES, TRUSTED_PROXIES="unix", GUESSES_PER_SOURCE=str(GUESSES)
    )
    with running as server, nginx({}, servers) as edge:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666

        told = [guess(edge, "127.0.3.1", f"X-Forwarded-For: 192.0.2.{number}") for number in range(GUESSES + 1)]
        assert told == [401] * GUESSES + [429]
        assert guess(edge, "127.0.3.2", "X-Forwarded-For: 127.0.3.1") == 401

        os.kill(server.process.pid, signal.SIGTERM)
        server.process.wait(20)
        assert not path.exists()


@pytest.mark.parametrize(
    ("proxies", "there", "said"),
    [
        ("127.0.0.1", None, "add unix to CHALK_TRUSTED_PROXIES"),
        ("unix", "a file", "it is there, and is no socket"),
        ("unix", "a server", "another server does"),
    ],
)
def test_a_socket_that_cannot_be_right_is_refused_in_a_sentence(url, path, proxies, there, said):
    """
    A19: one where no client could be told from another, and one that is somebody else's; neither is touched.
    """
    with socket.socket(socket.AF_UNIX) as other:
        if there == "a file":
            path.write_text("mine")
        elif there == "a server":
            other.bind(str(path))
            other.listen()
        environment = {"DATABASE_URL": url, "MASTER_KEY": MASTER_KEY, "TRUSTED_PROXIES": proxies}
        ended = subprocess.run(
            [COMMAND, "serve", "--socket", str(path)],
            check=False,
            env=os.environ | {f"CHALK_{name}": value for name, value in environment.items()},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert ended.returncode == 1
    assert said in ended.stderr.splitlines()[-1]
    assert path.exists() == (there is not None)
