"""Servers for nginx to stand in front of, which write down what reaches them, and may die over it."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arrived:
    """A request as it came: its first line, its headers in order, its body, and the connection by its port."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def all(self, name: str) -> list[str]:
        """Give every value of a header."""
        return [value for each, value in self.headers if each.lower() == name.lower()]


Reply = Callable[[Arrived], bytes | None]


def ok(body: bytes, *headers: str) -> bytes:
    """Print an answer of status 200."""
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


def echo(arrived: Arrived) -> bytes:
    """Tell the client what arrived of its headers."""
    return ok(json.dumps({name.lower(): value for name, value in arrived.headers}).encode())


@dataclass
class Upstream:
    """A running server; `reply` gives its answer, and None is to hang up without one."""

    port: int
    reply: Reply = echo
    arrived: list[Arrived] = field(default_factory=list)


@contextlib.contextmanager
def upstream(reply: Reply = echo) -> Iterator[Upstream]:
    """Run a server until the block ends."""
    with _Listener(("127.0.0.1", 0), _Handler) as listener:
        listener.upstream = Upstream(listener.server_address[1], reply)
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield listener.upstream
        finally:
            listener.shutdown()
            thread.join()


class _Listener(socketserver.ThreadingTCPServer):
    # Connections are kept open by nginx, and end when it does.
    daemon_threads = True
    block_on_close = False
    upstream: Upstream


class _Handler(socketserver.StreamRequestHandler):
    server: _Listener

    def handle(self) -> None:
        while arrived := self._read():
            self.server.upstream.arrived.append(arrived)
            answer = self.server.upstream.reply(arrived)
            if answer is None:
                return
            if arrived.all("connection") == ["close"]:
                # As asked (RFC 9112 section 9.6).
                self.wfile.write(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                return
            self.wfile.write(answer)

    def _read(self) -> Arrived | None:
        with contextlib.suppress(ConnectionError):
            line = self.rfile.readline().decode("latin-1").rstrip("\r\n")
            headers = []
            while header := self.rfile.readline().decode("latin-1").rstrip("\r\n"):
                name, _, value = header.partition(":")
                headers.append((name, value.strip()))
            length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
            return Arrived(line, headers, self.rfile.read(length), self.client_address[1]) if line else None
        return None
