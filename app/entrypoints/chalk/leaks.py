"""POST /leaks: whoever holds an API key that is not theirs hands it in."""

from typing import Literal

from flask import Blueprint, Response
from msgspec import Struct

from app.entrypoints.chalk.dialect.bodies import Data, Request
from app.entrypoints.chalk.dialect.envelope import answer, read
from app.entrypoints.operations import BODY, Operation, describes
from app.entrypoints.wiring import sender, wired
from app.flows import refusals
from app.flows.report_leak import report_leak

routes = Blueprint("leaks", __name__, url_prefix="/leaks")


class LeakRequest(Request, frozen=True):
    """POST /leaks. The string as it was found, whether or not it is an API key that works."""

    api_key: str


class ReceivedBody(Struct, frozen=True):
    """The report has arrived; what it led to, the tenant is told."""

    received: Literal[True]


@routes.post("")
@describes(
    Operation(
        json=LeakRequest,
        answers={202: Data[ReceivedBody]},
        refuses=(*BODY, refusals.MalformedJsonError, refusals.RateLimitedError),
    )
)
def create() -> Response:
    """Report an API key that was found where it should not be; the answer is the same whatever was handed in."""
    report_leak(read(LeakRequest).api_key, wired().tools, sender=sender())
    return answer(ReceivedBody(received=True), 202)
