"""The nginx of deploy/nginx/ before a server, with TLS, its log and its limits; only its rate is raised."""

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.requests.client.lines import NGINX, Way
from bench.torture.faults.ports import free_port
from tests.deploy import edge

ISSUER = f"https://{edge.NAMES[0]}"
_RATE = "rate=50r/s"
_RAISED = "rate=100000r/s"


@contextlib.contextmanager
def through_nginx(port: int) -> Iterator[tuple[Way, int]]:
    """Run it before a server on this port until the block ends; gives the way to it, and its process id."""
    with tempfile.TemporaryDirectory(prefix="chalk-nginx-") as name:
        folder = Path(name)
        # Its workers are an ordinary user, who must reach the folder.
        folder.chmod(0o755)
        tls, plain = free_port(), free_port()
        edge.render(folder, {"8000": port, "8001": port, "tls": tls, "plain": plain}, {})
        _raise_the_rate(folder / "chalk-auth" / "http.conf")
        with edge.running(folder, tls) as process:
            running = edge.Edge(folder, tls, plain, process)
            yield Way(NGINX, edge.NAMES[0], lambda: _quick(running)), process.pid


def _raise_the_rate(file: Path) -> None:
    # All that a bench asks comes from one address.
    shipped = file.read_text(encoding="utf-8")
    if _RATE not in shipped:
        raise RuntimeError(f"{file} holds no {_RATE}")
    file.write_text(shipped.replace(_RATE, _RAISED), encoding="utf-8")


def _quick(running: edge.Edge) -> socket.socket:
    wire = running.connect()
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire
