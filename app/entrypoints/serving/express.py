"""
A door in front of the web framework, for the requests that come all day: an exchange and a refresh, in either dialect.

It does what the framework's doors do, by the same functions, without what the framework does around them
(docs/decisions/0025-express.md). Whatever is not quite plain goes on to the framework, as if this door were not there,
before anything was done for it.
"""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Response

from app.entrypoints.headers import finish, request_id
from app.entrypoints.serving import watching
from app.entrypoints.wiring import Lane, Reply, SentHeaders, Visit, Wiring, refusal_of, sender_of_headers
from app.flows.refusals import ServiceError
from app.foundation import logs

if TYPE_CHECKING:
    from app.foundation.tracing import RequestSpan

# What makes a request less plain: a browser's marks are looked into, a body of unknown length is cut off, and whoever
# wants another protocol is refused.
_ODD = frozenset(
    {
        *("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_CONTENT_ENCODING"),
        "HTTP_UPGRADE",
    }
)
# The framework refuses some of the others, and knows which. Two of them are joined by a comma.
_PLAIN_HOST = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})*(?::[0-9]{1,5})?", re.ASCII)


class Express:
    """
    Answers what is plain, and hands on the rest.

    Args:
        behind: the framework's application.
        wiring: what a request needs.
        lanes: the paths that are served here.
        longest: the longest body, in bytes.
        refused: is told of each refusal.
    """

    def __init__(
        self,
        behind: WSGIApplication,
        wiring: Wiring,
        lanes: Sequence[Lane],
        longest: int,
        refused: Callable[[ServiceError], object],
    ) -> None:
        self._behind = behind
        self._wiring = wiring
        self._lanes: Mapping[str, Lane] = {lane.path: lane for lane in lanes}
        self._longest = longest
        self._refused = refused
        # What is called for each request, before it and after it.
        self.before: list[Callable[[], object]] = []
        self.after: list[Callable[[], object]] = []
        # What makes requests spans; None where they are not traced.
        self.spans: watching.Spans | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request (PEP 3333)."""
        lane = self._lanes.get(environ.get("PATH_INFO", ""))
        length = None if lane is None else _plain_length(environ, lane)
        if lane is None or length is None or length > self._longest:
            return self._behind(environ, start_response)

        try:
            body = _read(environ["wsgi.input"], length)
        except (OSError, ValueError):
            environ["wsgi.input"] = _Lost()
            return self._behind(environ, start_response)
        response = self._answer(lane, environ, body) if len(body) == length else None
        if response is None:
            environ["wsgi.input"] = io.BytesIO(body)
            return self._behind(environ, start_response)
        start_response(response.status, list(response.headers))
        return [response.data]

    def _answer(self, lane: Lane, environ: WSGIEnvironment, body: bytes) -> Response | Reply | None:
        headers = SentHeaders(environ)
        if self.spans is None:
            return self._visit(lane, environ, headers, body)
        span = self.spans.begin(headers, environ.get("REMOTE_ADDR"))
        handed_on = False
        try:
            response = self._visit(lane, environ, headers, body, span)
            handed_on = response is None
            return response
        finally:
            (span.drop if handed_on else span.end)()

    def _visit(
        self,
        lane: Lane,
        environ: WSGIEnvironment,
        headers: SentHeaders,
        body: bytes,
        span: "RequestSpan | None" = None,
    ) -> Response | Reply | None:
        wiring = self._wiring
        own_id = request_id(headers.get("X-Request-Id"))
        sender = sender_of_headers(headers, environ.get("REMOTE_ADDR"), own_id, wiring.trusted_proxies)
        visit = Visit(wiring=wiring, headers=headers, sender=sender, request_id=own_id)
        watching.begin(visit)
        try:
            response = self._answer_or_refuse(lane, body, visit)
            if response is not None:
                self._tell(lane, visit, response, span)
            return response
        finally:
            logs.end()

    def _answer_or_refuse(self, lane: Lane, body: bytes, visit: Visit) -> Response | Reply | None:
        try:
            visit.wiring.tools.quotas.begin()
            for nudge in self.before:
                nudge()
            return lane.answer(body, visit)
        except Exception as error:  # noqa: BLE001  as the framework's own handler does: a bug is answered, and logged
            refusal = refusal_of(error, visit.request_id)
            self._refused(refusal)
            return lane.refuse(refusal)

    def _tell(self, lane: Lane, visit: Visit, response: Response | Reply, span: "RequestSpan | None") -> None:
        tools = visit.wiring.tools
        try:
            finish(response, visit.request_id, visit.key_rotating_until, tools.quotas.nearest)
            for note in self.after:
                note()
            watching.finish(visit, "POST", lane.path, response.status_code, tools.metrics)
            if self.spans is not None and span is not None:
                self.spans.tell(span, "POST", lane.path, response.status_code)
        except Exception as error:  # noqa: BLE001  what was answered has been done: its client hears of it all the same
            refusal_of(error, visit.request_id)


def _plain_length(environ: Mapping[str, Any], lane: Lane) -> int | None:
    """Give the length of the body of a plain request; None when it is not plain."""
    length = environ.get("CONTENT_LENGTH", "")
    plain = (
        environ["REQUEST_METHOD"] == "POST"
        and environ.get("CONTENT_TYPE") == lane.content_type
        and not environ.get("QUERY_STRING")
        and not environ.get("SCRIPT_NAME")
        and _PLAIN_HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None
        and length.isascii()
        and length.isdigit()
        and len(length) < 10
        and _ODD.isdisjoint(environ)
    )
    return int(length) if plain else None


def _read(given: Any, length: int) -> bytes:
    """Read the body; some servers give what has arrived, and the rest when asked again."""
    read: bytes = given.read(length)
    while 0 < len(read) < length and (more := given.read(length - len(read))):
        read += more
    return read


class _Lost(io.RawIOBase):
    """A body whose sender went away in the middle of it, for whoever would read it again."""

    def readinto(self, _buffer: object) -> int:
        raise OSError
