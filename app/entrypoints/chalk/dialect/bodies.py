"""Every request and answer body of the dialect: they validate, they print, and they will describe themselves."""

import dataclasses
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.flows.results import OpenedTenant, Role, Tenant
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id
from app.foundation.names import LONGEST_NAME, NAME_PATTERN

Content = TypeVar("Content")

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
ExternalId = Annotated[str, Meta(min_length=1, max_length=255, pattern=NAME_PATTERN)]
ScopeAsked = Annotated[str, Meta(min_length=1, max_length=1000, description="Names of scopes, with spaces between.")]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
HttpsUrl = Annotated[str, Meta(min_length=9, max_length=2000, pattern=r"^https://[!-~]+(?![\s\S])")]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
# Looked into by the story; what it wants is told as far as a schema can.
_JWK = {"type": "object", "required": ["kty", "kid"]}
_KEYS = {"type": "array", "minItems": 1, "items": _JWK}
Jwks = Annotated[dict[str, Any], Meta(extra_json_schema={"properties": {"keys": _KEYS}, "required": ["keys"]})]


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


class OpenTenantRequest(Request, frozen=True):
    """POST /tenants."""

    name: Name
    max_concurrent_rooms: Count = 100
    max_participants_per_room: Count = 10
    max_recording_duration_minutes: Count = 120


class ChangeTenantRequest(Request, frozen=True):
    """
    PATCH /tenants/{id}; a field that is left out stays as it is. `status` is for operators.

    `jwks` or `jwks_uri` lets the tenant's OAuth client authenticate by private_key_jwt, and by no API key any more;
    null takes it back.
    """

    name: Name | UnsetType = UNSET
    max_concurrent_rooms: Count | UnsetType = UNSET
    max_participants_per_room: Count | UnsetType = UNSET
    max_recording_duration_minutes: Count | UnsetType = UNSET
    status: Literal["active", "suspended"] | UnsetType = UNSET
    jwks: Jwks | UnsetType | None = UNSET
    jwks_uri: HttpsUrl | UnsetType | None = UNSET


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


class OpenedTenantBody(Struct, frozen=True):
    """A tenant that was just opened; its first key is shown this once."""

    id: str
    name: str
    api_key: str
    max_concurrent_rooms: int
    max_participants_per_room: int
    max_recording_duration_minutes: int
    created_at: str


class TenantBody(Struct, frozen=True):
    """A tenant as it stands."""

    id: str
    name: str
    status: Literal["active", "suspended"]
    max_concurrent_rooms: int
    max_participants_per_room: int
    max_recording_duration_minutes: int
    created_at: str
    jwks: Jwks | None
    jwks_uri: str | None


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


def opened_tenant_body(opened: OpenedTenant) -> OpenedTenantBody:
    """Print a tenant with its first key."""
    tenant = opened.tenant
    return OpenedTenantBody(
        id=print_id("tenant", tenant.id),
        name=tenant.name,
        api_key=opened.key.text,
        created_at=rfc3339(tenant.created_at),
        **dataclasses.asdict(tenant.limits),
    )


def tenant_body(tenant: Tenant) -> TenantBody:
    """Print a tenant."""
    keys = tenant.client_keys
    return TenantBody(
        id=print_id("tenant", tenant.id),
        name=tenant.name,
        status="suspended" if tenant.suspended else "active",
        jwks=None if keys is None or keys.jwks is None else msgspec.json.decode(keys.jwks),
        jwks_uri=None if keys is None else keys.jwks_uri,
        created_at=rfc3339(tenant.created_at),
        **dataclasses.asdict(tenant.limits),
    )


def encode(body: Struct) -> bytes:
    """Print a body as JSON."""
    return msgspec.json.encode(body)
