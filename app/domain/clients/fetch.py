"""
Fetch a small document that somebody else's URL names, without being turned against our own network, or held up.

Source: RFC 8725 section 3.10; OWASP, Server-Side Request Forgery Prevention. No client library bounds the whole of a
fetch in time and lets the address be checked before it is used, so the standard library's connection is led by hand.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import SplitResult, urlsplit

_WHOLE_SECONDS = 5.0
_STEP_SECONDS = 3.0
_LONGEST = 65_536
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
# Addresses of that range that carry another one inside, which nobody would have checked, or that lead nowhere: 6to4,
# Teredo, documentation.
_NOT_PUBLIC = [ipaddress.ip_network(prefix) for prefix in ("2002::/16", "2001::/32", "3fff::/20")]

Kind = Literal["refused", "gone", "unusable", "away"]


class FetchError(Exception):
    """
    The document cannot be had; the message says why, to our log.

    `kind`: we refuse to fetch it, its host says that it is gone, its host answered something else, or no answer came.
    """

    def __init__(self, message: str, kind: Kind) -> None:
        super().__init__(message)
        self.kind = kind


def parse(url: str) -> SplitResult | None:
    """Read a URL that may be fetched: https, a host, a usable port, no user; None for any other."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def fetch(url: str, *, private_hosts: frozenset[str] = frozenset()) -> bytes:
    """
    Fetch at most 64 KiB over https, within five seconds once the name is resolved, following no redirect.

    The connection goes to an address that was checked, so that a second answer of the name server cannot lead
    elsewhere. Resolving is the operating system's, with its own patience: run this where nobody waits for it.

    Args:
        url: https only.
        private_hosts: hosts that may have addresses which are not public, in lower case.

    Raises:
        FetchError: anything but a 200 from a public address with a certificate of the URL's host.
    """
    parts = parse(url)
    if parts is None or parts.hostname is None:
        raise FetchError("not an https URL of a host", "refused")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise FetchError("the host has no usable address", "away") from error

    # One private address among public ones is one too many: the choice would be the attacker's.
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if parts.hostname not in private_hosts and not all(_is_public(address) for address in addresses):
        raise FetchError("the host has no usable address: it is not public", "refused")
    return _from_any(addresses, parts, parts.hostname)


def _from_any(addresses: Sequence[str], parts: SplitResult, host: str) -> bytes:
    ends_at = time.monotonic() + _WHOLE_SECONDS
    problem: Exception | None = None
    for address in addresses:
        try:
            return _from(address, parts, host, ends_at)
        except (OSError, ValueError, http.client.HTTPException) as error:
            problem = error
            if time.monotonic() >= ends_at:
                break
    raise FetchError(f"not fetched: {type(problem).__name__}", "away") from problem


def _from(address: str, parts: SplitResult, host: str, ends_at: float) -> bytes:
    port = parts.port or 443
    patience = min(_STEP_SECONDS, max(ends_at - time.monotonic(), 0.1))
    with socket.create_connection((address, port), patience) as plain, _deadline(plain, ends_at):
        context = ssl.create_default_context()
        with context.wrap_socket(plain, server_hostname=host) as secure:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = secure
            query = f"?{parts.query}" if parts.query else ""
            headers = {"Host": parts.netloc.removesuffix(":443"), "Accept": "application/json"}
            connection.request("GET", (parts.path or "/") + query, headers=headers)
            with contextlib.closing(connection.getresponse()) as answer:
                body = answer.read(_LONGEST + 1)
    if answer.status == 200 and len(body) <= _LONGEST:
        return body
    raise FetchError(f"status {answer.status}, or too long", _kind_of(answer.status))


def _kind_of(status: int) -> Kind:
    if status in {404, 410}:
        return "gone"
    return "away" if status >= 500 else "unusable"


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if address.is_multicast or not address.is_global:
        return False
    if address.version == 4:
        return True
    return address in _PUBLIC_IPV6 and not any(address in prefix for prefix in _NOT_PUBLIC)


@contextlib.contextmanager
def _deadline(plain: socket.socket, ends_at: float) -> Iterator[None]:
    # Timeouts of a socket begin anew with every byte; this one does not. The copy stays ours when TLS takes the
    # original over, and shutting it down ends whatever read is under way.
    with plain.dup() as copy:

        def end() -> None:
            with contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(ends_at - time.monotonic(), 0), end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
