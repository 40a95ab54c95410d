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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import SplitResult, urlsplit

_WHOLE_SECONDS = 5.0
_STEP_SECONDS = 3.0
_LONGEST = 65_536
# Addresses that carry another one inside, which nobody would have checked: NAT64, 6to4, Teredo, mapped and compatible.
_WRAPPERS = [
    ipaddress.ip_network(prefix)
    for prefix in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::ffff:0:0/96", "::/96")
]

# Few, so that names which never resolve hold up few threads, and none that serves requests.
_FETCHERS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="client-keys")


class FetchError(Exception):
    """The document cannot be had; the message says why, to our log."""


def fetch(url: str, *, private_hosts: frozenset[str] = frozenset()) -> bytes:
    """
    Fetch at most 64 KiB over https, within five seconds in all, following no redirect.

    The name is resolved once and the connection goes to the address that was checked, so that a second
    answer of the name server cannot lead elsewhere.

    Args:
        url: https only.
        private_hosts: hosts that may have addresses which are not public.

    Raises:
        FetchError: anything but a 200 from a public address with a certificate of the URL's host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise FetchError("not a URL") from error
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise FetchError("not an https URL")

    fetching = _FETCHERS.submit(_fetch, parts, parts.hostname, port, parts.hostname in private_hosts)
    try:
        return fetching.result(_WHOLE_SECONDS)
    except TimeoutError as error:
        fetching.cancel()
        raise FetchError("no answer in time") from error
    except socket.gaierror as error:
        raise FetchError("the host has no usable address") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchError(f"not fetched: {type(error).__name__}") from error


def _fetch(parts: SplitResult, host: str, port: int, may_be_private: bool) -> bytes:  # noqa: FBT001  submitted
    address = _address(host, port, may_be_private=may_be_private)
    with socket.create_connection((address, port), _STEP_SECONDS) as plain, _deadline(plain):
        context = ssl.create_default_context()
        with context.wrap_socket(plain, server_hostname=host) as secure:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = secure
            query = f"?{parts.query}" if parts.query else ""
            name = parts.netloc.removesuffix(":443")
            connection.request("GET", (parts.path or "/") + query, headers={"Host": name, "Accept": "application/json"})
            with contextlib.closing(connection.getresponse()) as answer:
                body = answer.read(_LONGEST + 1)
            if answer.status != 200 or len(body) > _LONGEST:
                raise FetchError(f"status {answer.status}, or too long")
            return body


def _address(host: str, port: int, *, may_be_private: bool) -> str:
    found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    # One private address among public ones is one too many: the choice would be the attacker's.
    if not may_be_private and not all(_is_public(address) for address in found):
        raise FetchError("the host has no usable address: it is not public")
    return min(found)


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    wrapped = any(address in prefix for prefix in _WRAPPERS if prefix.version == address.version)
    return address.is_global and not address.is_multicast and not wrapped


@contextlib.contextmanager
def _deadline(plain: socket.socket) -> Iterator[None]:
    # Timeouts of a socket begin anew with every byte; this one does not. The copy stays ours when TLS takes the
    # original over, and shutting it down ends whatever read is under way.
    with plain.dup() as copy:

        def end() -> None:
            with contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(_WHOLE_SECONDS, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
