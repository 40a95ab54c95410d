"""Headers that every door sets in the same way."""

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from flask import Response, request
from werkzeug.datastructures import Headers

from app.flows.refusals import RateLimitedError, ServiceError
from app.flows.results import Standing
from app.foundation import opaque
from app.foundation.clock import rfc3339
from app.foundation.environment import UNIX, Proxy


class Sent(Protocol):
    """The headers of a request, as far as they are read here: the framework's, or those of a door in front of it."""

    def get(self, name: str, /) -> str | None:
        """Give what a header says; None when there is none."""
        ...

    def __contains__(self, name: str, /) -> bool:
        """Tell whether there is a header of this name."""
        ...


class Writable(Protocol):
    """The headers of an answer, as they are written here."""

    def add(self, name: str, value: str, /) -> None:
        """Add a header, whatever is there already."""
        ...


class Answered(Protocol):
    """An answer, as far as its headers need to know it."""

    @property
    def status_code(self) -> int:
        """Give its status."""
        ...

    @property
    def headers(self) -> Writable:
        """Give its headers."""
        ...


RETRY_AFTER_SECONDS = "1"
_REQUEST_ID = re.compile(r"[\w-]{8,128}", re.ASCII)


def request_id(presented: str | None) -> str:
    """Give the id under which this request is logged: the client's own, when it is a plain word, or a new one."""
    if presented is not None and _REQUEST_ID.fullmatch(presented):
        return presented
    return opaque.random_token()


def client_address(peer: str, forwarded_for: str, proxies: Sequence[Proxy]) -> str:
    """
    Give the address of the client: the nearest one that is not of our own proxies.

    Args:
        peer: who is connected to us.
        forwarded_for: the header `X-Forwarded-For`, to which every proxy appends whom it heard; whatever stands left
            of our own proxies may be made up.
        proxies: ours.

    Returns:
        An address; `peer` as it is, when it is none, or empty for a unix socket that is not trusted.
    """
    nearest = peer
    if not proxies:
        return peer
    for hop in [*reversed(forwarded_for.split(",")), ""]:
        if not is_of(nearest, proxies):
            return nearest
        further = _address(hop.strip())
        if further is None:
            return nearest
        nearest = str(further)
    return nearest


def finish(response: Answered, request_id: str, key_rotating_until: datetime | None, nearest: Standing | None) -> None:
    """Say under which id an answer is logged, whether the key that asked is in its grace, and what is left to it."""
    # Added, and not set: none of these is there before, and to look for it takes longer.
    response.headers.add("X-Request-Id", request_id)
    key_status(response.headers, key_rotating_until)
    if response.status_code < 400:
        rate_limit(response.headers, nearest)


def is_of(peer: str | None, proxies: Sequence[Proxy]) -> bool:
    """Tell whether an address is one of our own proxies; a peer on a unix socket has none, and a hop always has one."""
    if peer == "":
        return UNIX in proxies
    address = _address(peer or "")
    return address is not None and any(each != UNIX and address in each for each in proxies)


def no_store(headers: Writable) -> None:
    """Keep an answer with a token or a key in it out of every cache (RFC 6749 section 5.1)."""
    headers.add("Cache-Control", "no-store")
    headers.add("Pragma", "no-cache")


def come_back(headers: Headers, error: ServiceError, status: int) -> None:
    """
    Tell when to try again, where that helps: after a fault that passes, or when a limit is used up.

    Source: RFC 9110 section 10.2.3; draft-ietf-httpapi-ratelimit-headers-10.
    """
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after_seconds)
        _limit(headers, error.policy, (error.quota, error.window_seconds), (0, error.retry_after_seconds))
    elif status == 503:
        headers["Retry-After"] = RETRY_AFTER_SECONDS


def rate_limit(headers: Writable, standing: Standing | None) -> None:
    """Tell how much is left of the limit that the request was counted against; None when it was against none."""
    if standing is not None:
        limit = standing.limit
        left = (standing.remaining, standing.resets_in_seconds)
        _limit(headers, limit.policy, (limit.quota, limit.window_seconds), left)


def document(content: bytes, content_type: str, max_age_seconds: int) -> Response:
    """Answer with a public document that may be cached, or 304 to whoever has it already (RFC 9111, RFC 9110)."""
    response = Response(content, content_type=content_type)
    response.headers["Cache-Control"] = f"public, max-age={max_age_seconds}"
    response.set_etag(hashlib.sha256(content).hexdigest()[:32])
    response.make_conditional(request)
    return response


def key_status(headers: Writable, rotating_until: datetime | None) -> None:
    """Tell the user of a key in its grace that it has been replaced, and until when it works."""
    if rotating_until is not None:
        headers.add("X-API-Key-Status", f'rotating; expires_at="{rfc3339(rotating_until)}"')


def _limit(headers: Writable, policy: str, allowed: tuple[int, int], left: tuple[int, int]) -> None:
    headers.add("RateLimit-Policy", f'"{policy}";q={allowed[0]};w={allowed[1]}')
    headers.add("RateLimit", f'"{policy}";r={left[0]};t={left[1]}')


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # Without the interface of a link-local one (RFC 4007 section 11), which may be any text.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families names an IPv4 peer like this.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
