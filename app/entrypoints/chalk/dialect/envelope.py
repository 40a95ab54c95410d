"""Read JSON bodies strictly, and put answers into the envelope."""

import functools
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from flask import Response, request
from msgspec import UnsetType

from app.entrypoints.chalk.dialect.bodies import Data, DataPage, Pagination, encode
from app.entrypoints.headers import no_store
from app.entrypoints.operations import JSON
from app.entrypoints.wiring import body
from app.flows.refusals import InvalidRequestError, MalformedJsonError, UnsupportedMediaTypeError
from app.foundation.pages import Page

Model = TypeVar("Model", bound=msgspec.Struct)
Item = TypeVar("Item")
Body = TypeVar("Body", bound=msgspec.Struct)

_LONGEST_PAGE = 100
_USUAL_PAGE = 20
_PATH = re.compile(r" - at `\$\.([a-z_]+(?:\.[a-z_]+)?)(?:\[(?:\d+|\.\.\.)\])*`$")
_WORDS = (
    (re.compile(r"^Invalid enum value .*$", re.DOTALL), "must be one of the values allowed"),
    (re.compile(r"^Expected `str` matching regex .*$", re.DOTALL), "must not hold control characters"),
    (re.compile(r"^Expected `int`"), "must be a whole number"),
    (re.compile(r"^Expected `str`"), "must be a string"),
    (re.compile(r" of length >= "), " of a length of at least "),
    (re.compile(r" of length <= "), " of a length of at most "),
    (re.compile(r" >= "), " of at least "),
    (re.compile(r" <= "), " of at most "),
)
_NAMED = re.compile(r"^Object (missing required|contains unknown) field `([a-z_]{1,40})`$")


def read(model: type[Model]) -> Model:
    """
    Read the body of this request as JSON of this shape.

    Raises:
        UnsupportedMediaTypeError, MalformedJsonError: it is not JSON, or does not say so.
        InvalidRequestError: a field is missing, unknown or wrong; the message repeats nothing of its value.
    """
    if request.mimetype != JSON:
        raise UnsupportedMediaTypeError(JSON)
    return decode(model, body())


def read_part(presented: msgspec.Raw, model: type[Model]) -> Model:
    """Read a part of a body that was left as it is, like `read`; what is wrong with it is wrong with it alone."""
    return decode(model, presented)


def read_optional(model: type[Model]) -> Model:
    """Read the body like `read`; no body at all is an empty object."""
    if body() == b"":
        return msgspec.convert({}, model)
    return read(model)


def given(value: Item | UnsetType) -> Item | None:
    """Give what a field says; None when it was left out."""
    return None if isinstance(value, UnsetType) else value


def answer(content: msgspec.Struct | Sequence[msgspec.Struct], status: int = 200, *, secret: bool = False) -> Response:
    """Answer with a content in its envelope; `secret` when a token or a key stands in it."""
    response = Response(encode(Data(content)), status, content_type=JSON)
    if secret:
        no_store(response.headers)
    return response


def answer_page(page: Page[Item], print_item: Callable[[Item], Body]) -> Response:
    """Answer with a page of a list."""
    pagination = Pagination(next_cursor=page.next_cursor, has_more=page.next_cursor is not None)
    return Response(encode(DataPage([print_item(item) for item in page.items], pagination)), 200, content_type=JSON)


def page_asked() -> tuple[str | None, int]:
    """
    Read `?cursor=` and `?limit=` (1 to 100, usually 20).

    Raises:
        InvalidRequestError: the limit is not such a number, or one of them is repeated.
    """
    for name in ("cursor", "limit"):
        if len(request.args.getlist(name)) > 1:
            raise InvalidRequestError(name, "must not be repeated")
    limit = request.args.get("limit", str(_USUAL_PAGE))
    if not re.fullmatch(r"[0-9]{1,3}", limit, re.ASCII) or not 1 <= int(limit) <= _LONGEST_PAGE:
        raise InvalidRequestError("limit", f"must be a whole number from 1 to {_LONGEST_PAGE}")
    return request.args.get("cursor"), int(limit)


def decode(model: type[Model], presented: bytes | msgspec.Raw) -> Model:
    """Read JSON of this shape; raises like `read`."""
    try:
        content: Model = _decoder(model).decode(presented)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedJsonError from None
    return content


@functools.cache
def _decoder(model: type[Model]) -> msgspec.json.Decoder[Model]:
    return msgspec.json.Decoder(model)


def _explain(problem: str) -> InvalidRequestError:
    # Our own words, and the name of a field if it is a plain one; never a value.
    path = _PATH.search(problem)
    within = None if path is None else path.group(1)
    expected = problem if path is None else problem[: path.start()]
    named = _NAMED.match(expected)
    if named:
        field = named.group(2) if within is None else f"{within}.{named.group(2)}"
        return InvalidRequestError(field, "is required" if named.group(1) == "missing required" else "is unknown")
    if within is None or expected.startswith("Object "):
        return InvalidRequestError(within or "body", "must be a JSON object of known fields")

    expected = expected.split(", got", maxsplit=1)[0]
    for theirs, ours in _WORDS:
        expected = theirs.sub(ours, expected)
    return InvalidRequestError(within, expected)
