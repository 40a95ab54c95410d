"""
What an operation takes and answers, said at its view: the OpenAPI document is made of nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

import msgspec
from flask import Response
from msgspec import Meta

from app.flows import refusals
from app.flows.refusals import ServiceError

View = TypeVar("View", bound=Callable[..., Response])
Security = Literal["none", "key", "key_or_token", "client"]
Refusals = tuple[type[ServiceError], ...]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# What every operation with a body may refuse, and every operation for which somebody must be known.
BODY: Refusals = (
    refusals.InvalidRequestError,
    refusals.PayloadTooLargeError,
    refusals.UnsupportedMediaTypeError,
)
CLIENT: Refusals = (
    refusals.InvalidClientError,
    refusals.InvalidApiKeyError,
    refusals.KeyElsewhereError,
    refusals.KeyInBrowserError,
    refusals.RateLimitedError,
    refusals.QuotaSpentError,
    refusals.TenantSuspendedError,
)
BY_KEY: Refusals = (
    refusals.AuthenticationRequiredError,
    refusals.InvalidApiKeyError,
    refusals.KeyElsewhereError,
    refusals.KeyInBrowserError,
    refusals.RateLimitedError,
    refusals.QuotaSpentError,
    refusals.TenantSuspendedError,
    refusals.InsufficientScopeError,
)
BY_KEY_OR_TOKEN: Refusals = (
    *BY_KEY,
    refusals.InvalidAccessTokenError,
    refusals.AccessTokenExpiredError,
    refusals.MalformedCredentialError,
)
IdempotencyKey = Annotated[
    str,
    Meta(
        min_length=16,
        max_length=255,
        pattern="^[ -~]+$",
        description="New for each refresh; a retry that carries the same one fetches the same successor.",
    ),
]
# Of what may be sent again and is done once.
REPEATABLE: Mapping[str, object] = {
    "Idempotency-Key": Annotated[
        str,
        Meta(
            min_length=16,
            max_length=255,
            pattern="^[ -~]+$",
            description=(
                "New for each request. Sent again within 24 hours with the same key, path and body, it is not done "
                "again: the reply is the same, with `Idempotency-Replayed: true`."
            ),
        ),
    ]
}
_ALWAYS: Refusals = (refusals.InternalError, refusals.DatabaseAwayError, refusals.MasterKeyAwayError)

_ATTRIBUTE = "operation"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """
    One operation.

    Args:
        answers: bodies of success by status; None for a status without one.
        json: the type that the view reads its body as, or
        form: the type of the form that it reads, or several in a union.
        body_required: whether it may be left out.
        refuses: what it may refuse, by class; the statuses are the dialect's business.
        security: what a caller shows.
        headers: optional request headers that it reads, with their types, which describe themselves.
        paged: whether it reads `cursor` and `limit`.
        filters: what else it reads of the query, likewise.
        content_type: of its success.
        cached: whether it answers 304 to what the caller has already.
    """

    answers: Mapping[int, object]
    json: type[msgspec.Struct] | None = None
    form: object | None = None
    body_required: bool = True
    refuses: Refusals = ()
    security: Security = "none"
    headers: Mapping[str, object] = field(default_factory=dict)
    paged: bool = False
    filters: Mapping[str, object] = field(default_factory=dict)
    content_type: str = JSON
    cached: bool = False

    @property
    def all_refusals(self) -> Refusals:
        """Give what it may refuse, and what every operation may."""
        return (*self.refuses, *_ALWAYS)


@dataclass(frozen=True)
class Dialect:
    """How a door speaks: which paths are its, the type of its refusals, and their statuses."""

    prefixes: tuple[str, ...]
    error: type[msgspec.Struct]
    status_of: Callable[[type[ServiceError]], int]


def describes(operation: Operation) -> Callable[[View], View]:
    """Say at a view what it takes and answers."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, operation)
        return view

    return mark


def operation_of(view: Callable[..., object]) -> Operation | None:
    """Give what a view says of itself; None when it says nothing."""
    return getattr(view, _ATTRIBUTE, None)
