"""Requests that carry an Idempotency-Key, at the doors: what tells one from another, and how it is answered again."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec
from flask import Response, g, request

from app.entrypoints.chalk.dialect.bodies import Data, encode
from app.entrypoints.chalk.dialect.guards import by_key
from app.entrypoints.headers import no_store
from app.entrypoints.operations import JSON
from app.entrypoints.wiring import body
from app.flows import refusals
from app.flows.refusals import InvalidRequestError
from app.flows.results import AlreadyDone, Caller, CreatedKey, Once, Reply
from app.foundation.names import is_idempotency_key

Result = TypeVar("Result")
Content = msgspec.Struct | Sequence[msgspec.Struct]

# What a request with an Idempotency-Key may be refused for, beside everything else.
ONCE = (refusals.IdempotencyKeyReusedError, refusals.InvalidRequestError)


class Printer(Generic[Result]):
    """Prints a reply from what a story gives back; what was printed once stays so, since it may have been kept."""

    def __init__(self, print_body: Callable[[Result], Content], status: int) -> None:
        self._print_body = print_body
        self._status = status
        self._printed: Reply | None = None

    def __call__(self, result: Result) -> Reply:
        """Print it, or give what was printed."""
        if self._printed is None:
            self._printed = Reply(self._status, encode(Data(self._print_body(result))))
        return self._printed


def answer_once(
    work: Callable[[Once[Result] | None], Result],
    print_body: Callable[[Result], Content],
    status: int = 200,
    *,
    secret: bool = False,
) -> Response:
    """
    Do a piece of work, once if this request carries an Idempotency-Key, and answer with what came of it.

    Raises:
        AlreadyDone: it was done; see `replay`.
        InvalidRequestError: the Idempotency-Key is too short or too long.
        IdempotencyKeyReusedError: it came before, with another body.
    """
    printer = Printer(print_body, status)
    return _response(printer(work(asked_once(printer))), secret=secret)


def asked_once(print_reply: Callable[[Result], Reply]) -> Once[Result] | None:
    """Read the Idempotency-Key of this request; None when it has none. Raises like `answer_once`."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not is_idempotency_key(key):
        raise InvalidRequestError("Idempotency-Key", "must be 16 to 255 printable ASCII characters")
    return Once(key, request.path, body(), print_reply)


def replay(done: AlreadyDone) -> Response:
    """Answer as before, and say so."""
    if done.key_rotating_until is not None:
        g.key_rotating_until = done.key_rotating_until
    response = _response(done.reply, secret=True)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def by_key_or_retired(print_body: Callable[[CreatedKey], Content], status: int = 200) -> Caller:
    """
    Authenticate by `X-API-Key`; one that has just replaced itself gets the reply to that again.

    Raises:
        AlreadyDone: that is so.
        ServiceError: see `by_key`.
    """
    # That an Idempotency-Key is none is told to those who are known.
    good = "X-API-Key" in request.headers and is_idempotency_key(request.headers.get("Idempotency-Key", ""))
    return by_key(asked_once(Printer(print_body, status)) if good else None)


def _response(reply: Reply, *, secret: bool) -> Response:
    response = Response(reply.body, reply.status, content_type=JSON)
    if secret:
        no_store(response.headers)
    return response
