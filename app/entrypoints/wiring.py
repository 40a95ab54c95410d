"""What the factory hands to the doors, and how web framework errors become refusals of ours."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from app.entrypoints.headers import Sent, client_address, no_store
from app.flows.refusals import (
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    ServiceError,
)
from app.flows.tools import Tools
from app.foundation.environment import Proxy
from app.foundation.sender import Sender, sender_of
from app.protocol.requests import Transport
from app.protocol.server import Server

_LOG = logging.getLogger(__name__)
_NAME = "chalk"
# All that the protocol reads.
_HEADERS = ("Authorization", "Idempotency-Key")
# What browsers set by themselves, and no page can leave out (Fetch section 3.1; Fetch Metadata section 2). Not
# Sec-Fetch-Mode: Node.js sends that, too.
_BROWSERS_MARKS = ("Origin", "Sec-Fetch-Site")


@dataclass(frozen=True)
class Wiring:
    """What a request needs."""

    tools: Tools
    server: Server
    issuer: str
    resource_metadata_url: str
    jwks_max_age_seconds: int
    trusted_proxies: Sequence[Proxy]


@dataclass(frozen=True)
class Launcher:
    """
    What the command line needs: how to open the application, where its migrations lie, and what serves it.

    `open_ready` also reads the signing key, and so finds out whether the database and the master key are right.
    """

    open: Callable[[], Flask]
    open_ready: Callable[[], Flask]
    migrations: str
    target: str


class SentHeaders:
    """The headers of a request, read where the server has laid them (PEP 3333), and one by one."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def get(self, name: str) -> str | None:
        """Give what a header says; None when there is none."""
        return self._environ.get(_place_of(name))

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a header of this name."""
        return _place_of(str(name)) in self._environ


class Pairs(list[tuple[str, str]]):
    """The headers of an answer, each as it was written."""

    def add(self, name: str, value: str) -> None:
        """Add a header, whatever is there already."""
        self.append((name, value))


@dataclass
class Reply:
    """
    An answer of status 200 at a door in front of the web framework, with a body of JSON; to make one costs a fraction
    of what the framework's own does.
    """

    data: bytes
    headers: Pairs
    status: ClassVar[str] = "200 OK"
    status_code: ClassVar[int] = 200

    @classmethod
    def with_secret(cls, data: bytes) -> "Reply":
        """Answer with a body in which a token stands."""
        reply = cls(data, Pairs([("Content-Type", "application/json"), ("Content-Length", str(len(data)))]))
        no_store(reply.headers)
        return reply


@dataclass
class Visit:
    """A request at a door in front of the web framework; `key_rotating_until` is told by the answer."""

    wiring: Wiring
    headers: SentHeaders
    sender: Sender
    request_id: str
    began: float = 0.0
    key_rotating_until: datetime | None = None

    @property
    def carried(self) -> Transport:
        """Give what carried it to the token endpoints of either dialect."""
        return Transport({name: self.headers.get(name) for name in _HEADERS}, self.sender)


@dataclass(frozen=True)
class Lane:
    """
    A path of a dialect that has a door in front of the web framework, for a plain POST of one type of content.

    `answer` is given the body; it gives None, having done nothing, for what the framework's own door has to answer.
    """

    path: str
    content_type: str
    answer: Callable[[bytes, Visit], Response | Reply | None]
    refuse: Callable[[ServiceError], Response]


def wire(app: Flask, wiring: Wiring) -> None:
    """Hand the wiring to the doors of an application."""
    app.extensions[_NAME] = wiring


def wiring_of(app: Flask) -> Wiring:
    """Give the wiring of an application."""
    wiring: Wiring = app.extensions[_NAME]
    return wiring


def wired() -> Wiring:
    """Give the wiring of the application that serves this request."""
    return wiring_of(current_app)


def sender() -> Sender:
    """Give who sent this request, as far as the network tells."""
    return sender_of_headers(request.headers, request.remote_addr, g.request_id, wired().trusted_proxies)


def sender_of_headers(headers: Sent, peer: str | None, request_id: str, proxies: Sequence[Proxy]) -> Sender:
    """Give who sent a request with these headers, and is connected as `peer`."""
    hops = headers.get("X-Forwarded-For") if proxies else None
    address = client_address(peer or "", hops or "", proxies)
    from_browser = any(mark in headers for mark in _BROWSERS_MARKS)
    return sender_of(address, headers.get("User-Agent"), request_id, from_browser=from_browser)


def carried() -> Transport:
    """Give what carried this request to the token endpoints of either dialect."""
    return Transport({name: request.headers.get(name) for name in _HEADERS}, sender())


@functools.cache
def _place_of(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def body() -> bytes:
    """
    Read the body of this request.

    Raises:
        PayloadTooLargeError: it is longer than the server reads; one of unknown length is refused, not cut off.
    """
    g.body_was_read = True
    longest: int = current_app.config["MAX_CONTENT_LENGTH"]
    read = request.get_data()
    if request.content_length is None and len(read) >= longest:
        raise PayloadTooLargeError
    return read


def refusal_of(error: Exception, request_id: str | None) -> ServiceError:
    """Say any exception as a refusal; one that was not made on purpose is logged, and told as an internal error."""
    match error:
        case ServiceError():
            return error
        case MethodNotAllowed():
            return MethodNotAllowedError(", ".join(sorted(error.valid_methods or ())))
        case RequestEntityTooLarge():
            return PayloadTooLargeError()
        case HTTPException(code=404):
            return NotFoundError()
        case HTTPException(code=int(code)) if code < 500:
            return InvalidRequestError("request", "must be well-formed HTTP")
        case _:
            _LOG.error("unhandled", exc_info=error, extra={"fields": {"request_id": request_id}})
            return InternalError()
