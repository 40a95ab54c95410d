"""A host on 127.0.0.1 that publishes a client's keys over real TLS, well or badly, under a CA made for the run."""

import contextlib
import functools
import ipaddress
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509.oid import NameOID

from tests.assertions import ClientKey

Script = Callable[[], Iterable[bytes]]

_PATIENCE_SECONDS = 20


@dataclass
class JwksHost:
    """
    A running host; `script` gives what it says to a request, piece by piece.

    `connections` counts who came, `requests` keeps the first lines of what they asked; `ended` is set at the end.
    """

    port: int
    script: Script = tuple
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Give the URL of the keys."""
        return f"https://localhost:{self.port}/jwks.json"

    def publish(self, *keys: ClientKey) -> None:
        """Say these keys from now on."""
        self.publish_as([key.jwk for key in keys])

    def publish_as(self, keys: Sequence[Any]) -> None:
        """Say this list of keys from now on, whatever is in it."""
        self.say(200, json.dumps({"keys": keys}).encode())

    def say(self, status: int, body: bytes, *headers: str) -> None:
        """Say this from now on; without headers of its own, the answer has its length."""
        lines = headers or (f"Content-Length: {len(body)}", "Content-Type: application/jwk-set+json")
        head = "\r\n".join([f"HTTP/1.1 {status} Whatever", *lines, "Connection: close", "", ""])
        self.script = lambda: [head.encode() + body]


@contextlib.contextmanager
def jwks_host(tls: ssl.SSLContext | None) -> Iterator[JwksHost]:
    """Run a host until the block ends; without TLS it takes connections and says its script at once."""
    with _Listener(("127.0.0.1", 0), tls) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield listener.host
        finally:
            listener.host.ended.set()
            listener.shutdown()
            thread.join()


def make_ca(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Make a CA and a certificate of it for these names; give the CA's file, and the context of a server."""
    ca, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    bundle, chain = folder / "ca.pem", folder / "server.pem"
    bundle.write_bytes(_certificate(ca, ca, ()).public_bytes(serialization.Encoding.PEM))
    private = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(private + _certificate(leaf, ca, names).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return bundle, context


class _Listener(socketserver.ThreadingTCPServer):
    # Threads are joined when the server closes; a connection may still be in the middle of its script.
    daemon_threads = False

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        super().__init__(address, _Handler)
        self.tls = tls
        self.host = JwksHost(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is what some tests are about."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        self.server.host.connections += 1
        self.request.settimeout(_PATIENCE_SECONDS)
        with contextlib.suppress(OSError):
            if self.server.tls is None:
                self._say(self.request)
                return
            with self.server.tls.wrap_socket(self.request, server_side=True) as encrypted:
                self.server.host.requests.append(_read_head(encrypted).partition("\r\n")[0])
                self._say(encrypted)

    def _say(self, line: socket.socket) -> None:
        for piece in self.server.host.script():
            line.sendall(piece)


def _read_head(line: socket.socket) -> str:
    read = b""
    while b"\r\n\r\n" not in read:
        piece = line.recv(4096)
        if not piece:
            break
        read += piece
    return read.decode("latin-1")


def _certificate(key: EllipticCurvePrivateKey, ca: EllipticCurvePrivateKey, names: tuple[str, ...]) -> x509.Certificate:
    now, own = datetime.now(UTC), key is ca
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A CA of the test suite")])
    subject = issuer if own else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A host of the test suite")])
    usage = functools.partial(
        x509.KeyUsage,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
        .add_extension(usage(digital_signature=not own, key_cert_sign=own), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key()), critical=False)
    )
    if not own:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), critical=False)
    return builder.sign(ca, hashes.SHA256())


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
