"""One line to each worker of a server, so that a test can ask every one of them."""

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import psutil  # type: ignore[import-untyped]  # it ships no types

from tests.adversary.races import PATIENCE_SECONDS, Answer
from tests.servers import Server

# Connections are dealt out by the system as it likes; so many, some of them at once, leave no one of a few workers out.
_MOST_LINES, _AT_ONCE = 400, 4


class WorkerLine:
    """
    A connection that one `worker` holds, by its pid.

    Once it is closed, nothing is sent any more, since that may reach another.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._connection.connect()
        self._connection.auto_open = 0
        self.own_port: int = self._connection.sock.getsockname()[1]
        self.worker = 0

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, with a body as JSON or a form if there is one."""
        kind = {} if body is None else {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        if form is not None:
            kind, content = {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form)
        self._connection.request(method, path, content, {**kind, **(headers or {})})
        answer = self._connection.getresponse()
        text = answer.read()
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, json.loads(text) if text else None, told)

    def ask_health(self) -> None:
        """Ask whether it lives, and do not wait for the answer."""
        self._connection.request("GET", "/healthz")

    def hear(self) -> None:
        """Wait for that answer."""
        self._connection.getresponse().read()

    def text(self, path: str) -> str:
        """Read what is no JSON."""
        self._connection.request("GET", path)
        return self._connection.getresponse().read().decode()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Give the headers of a client that shows its secret; ids and keys of ours need no encoding."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


@contextlib.contextmanager
def a_line_to_each_worker(server: Server, workers: int) -> Iterator[list[WorkerLine]]:
    """Open one line to each of the workers of a server, and hang up at the end."""
    with contextlib.ExitStack() as stack:
        held: dict[int, WorkerLine] = {}
        # Many at once: one after the other, they might all be taken by the worker that waits most eagerly.
        for _ in range(_MOST_LINES // (_AT_ONCE * workers)):
            lines = [
                stack.enter_context(contextlib.closing(WorkerLine(server.port))) for _ in range(_AT_ONCE * workers)
            ]
            for line in lines:
                line.ask_health()
            for line in lines:
                # Once it has answered, the worker that holds it is to be seen.
                line.hear()
                line.worker = _holder(server, line.own_port)
                held.setdefault(line.worker, line)
            if len(held) == workers:
                yield list(held.values())
                return
        raise RuntimeError(f"only {len(held)} of {workers} workers take connections")


def _holder(server: Server, own_port: int) -> int:
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(each.raddr and each.raddr.port == own_port for each in child.net_connections()):
                pid: int = child.pid
                return pid
    raise RuntimeError("no worker holds the connection")
