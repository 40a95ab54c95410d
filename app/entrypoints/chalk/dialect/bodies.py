"""Request and answer bodies of the dialect: they validate, they print, and they describe themselves."""

from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.flows.results import Role
from app.foundation.names import LONGEST_NAME, NAME_PATTERN

Content = TypeVar("Content")

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
ExternalId = Annotated[str, Meta(min_length=1, max_length=255, pattern=NAME_PATTERN)]
ScopeAsked = Annotated[str, Meta(min_length=1, max_length=1000, description="Names of scopes, with spaces between.")]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """The root of request bodies: an unknown field is refused, not overlooked."""


_BY_ID = {"required": ["id"], "maxProperties": 1}
_BY_NAME = {"required": ["display_name"], "not": {"required": ["id"]}}


class WhoRequest(Request, frozen=True, omit_defaults=True):
    """A participant by `id`, or who is to be admitted by `display_name`; one of the two."""

    id: str | UnsetType = UNSET
    display_name: Name | UnsetType = UNSET
    external_user_id: ExternalId | UnsetType = UNSET
    role: Role | UnsetType = UNSET


class ExchangeRequest(Request, frozen=True, omit_defaults=True):
    """
    POST /auth/token. With `room_id`, the tokens work in that room only; with `participant` beside it, they are that
    participant's. `scope` and `expires_in` ask for less than there is.
    """

    api_key: str
    room_id: str | UnsetType = UNSET
    participant: Annotated[WhoRequest, Meta(extra_json_schema={"oneOf": [_BY_ID, _BY_NAME]})] | UnsetType = UNSET
    scope: ScopeAsked | UnsetType = UNSET
    expires_in: Seconds | UnsetType = UNSET


class RefreshRequest(Request, frozen=True):
    """POST /auth/refresh and POST /auth/revoke."""

    refresh_token: str


class RotateKeyRequest(Request, frozen=True):
    """POST /tenants/{id}/rotate-key; `grace_period` in seconds."""

    grace_period: Annotated[int, Meta(ge=0, le=2_592_000)] = 0
    reason: Literal["routine", "compromised"] = "routine"


class Data(Struct, Generic[Content], frozen=True):
    """The envelope of every success."""

    data: Content


class Pagination(Struct, frozen=True):
    """Where a list goes on."""

    next_cursor: str | None
    has_more: bool


class DataPage(Struct, Generic[Content], frozen=True):
    """The envelope of a list."""

    data: list[Content]
    pagination: Pagination


class TokenBody(Struct, frozen=True):
    """The seed's four fields, and no other."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class DeletedBody(Struct, frozen=True):
    """What was deleted."""

    id: str
    deleted: Literal[True]


class KeyBody(Struct, frozen=True):
    """A new API key, shown this once."""

    api_key: str


class Detail(Struct, frozen=True):
    """One field, and what is wrong with it."""

    field: str
    message: str


class ErrorContent(Struct, frozen=True, omit_defaults=True):
    """A refusal; `details` for VALIDATION_ERROR only."""

    code: str
    message: str
    details: list[Detail] | UnsetType = UNSET


class ErrorBody(Struct, frozen=True):
    """The envelope of every refusal."""

    error: ErrorContent


def encode(body: Struct) -> bytes:
    """Print a body as JSON."""
    return msgspec.json.encode(body)
