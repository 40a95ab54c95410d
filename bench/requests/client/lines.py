"""One connection that is kept: a request goes out, its answer comes in."""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.requests.client.answers import Answer, AnswerError, parsed

DIRECT, NGINX = "direct", "nginx"

_LARGEST = 1 << 16
# Servers close what was idle for 5 seconds and more.
_IDLE_SECONDS = 2.0

Connect = Callable[[], socket.socket]


@dataclass(frozen=True)
class Way:
    """How a server is reached: directly or through nginx, and what it is called there."""

    name: str
    host: str
    connect: Connect


def plainly(port: int) -> Way:
    """Reach a server at its own port."""
    return Way(DIRECT, f"127.0.0.1:{port}", lambda: _quick(socket.create_connection(("127.0.0.1", port), timeout=30)))


class Line:
    """A connection that is kept; when the other side has closed it, the next request opens another."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._wire: socket.socket | None = None
        self._read = b""
        self._used_at = 0.0

    def fileno(self) -> int:
        """Give what to wait for, while an answer is to come."""
        assert self._wire is not None
        return self._wire.fileno()

    def wake(self) -> None:
        """Open it, also when it was idle for so long that the other side may be about to close it."""
        if time.perf_counter() - self._used_at > _IDLE_SECONDS:
            self.close()
        if self._wire is None:
            self._wire = self._way.connect()

    def send(self, request: bytes) -> None:
        """Send a request."""
        if self._wire is None:
            self._wire = self._way.connect()
        self._wire.sendall(request)

    def receive(self) -> Answer | None:
        """Read what is there; None until the answer is whole."""
        assert self._wire is not None
        self._take(self._wire.recv(_LARGEST))
        # What TLS has opened already, nobody waits for.
        while isinstance(self._wire, ssl.SSLSocket) and self._wire.pending():
            self._take(self._wire.recv(_LARGEST))
        answer = parsed(self._read)
        if answer is None:
            return None
        self._read, self._used_at = b"", time.perf_counter()
        if answer.closes:
            self.close()
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _take(self, part: bytes) -> None:
        if not part:
            raise AnswerError("the connection was closed instead of an answer")
        self._read += part


def _quick(wire: socket.socket) -> socket.socket:
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire
