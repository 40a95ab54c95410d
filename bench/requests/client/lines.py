"""One connection that is kept: a request goes out, its answer comes in."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from bench.requests.client.answers import Answer, AnswerError, parsed

_LARGEST = 1 << 16

Connect = Callable[[], socket.socket]


@dataclass(frozen=True)
class Way:
    """How a server is reached: directly or through nginx, and what it is called there."""

    name: str
    host: str
    connect: Connect


def plainly(port: int) -> Way:
    """Reach a server at its own port."""
    return Way("direct", f"127.0.0.1:{port}", lambda: _quick(socket.create_connection(("127.0.0.1", port), timeout=30)))


class Line:
    """A connection, made anew when the other side closes it."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._wire = way.connect()
        self._read = b""

    def fileno(self) -> int:
        """Give what to wait for."""
        return self._wire.fileno()

    def send(self, request: bytes) -> None:
        """Send a request."""
        self._wire.sendall(request)

    def receive(self) -> Answer | None:
        """Read what is there; None until the answer is whole."""
        self._take(self._wire.recv(_LARGEST))
        # What TLS has opened already, nobody waits for.
        while isinstance(self._wire, ssl.SSLSocket) and self._wire.pending():
            self._take(self._wire.recv(_LARGEST))
        answer = parsed(self._read)
        if answer is None:
            return None
        self._read = b""
        if answer.closes:
            self.close()
            self._wire = self._way.connect()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _take(self, part: bytes) -> None:
        if not part:
            raise AnswerError("the connection was closed instead of an answer")
        self._read += part


def _quick(wire: socket.socket) -> socket.socket:
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire
