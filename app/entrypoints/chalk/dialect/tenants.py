"""What is said of tenants."""

import dataclasses
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.entrypoints.chalk.dialect.bodies import Name, Request
from app.flows.results import OnLeak, OpenedTenant, Tenant
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id

HttpsUrl = Annotated[str, Meta(min_length=9, max_length=2000, pattern=r"^https://[!-~]+(?![\s\S])")]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
# Looked into by the story; what it wants is told as far as a schema can.
_JWK = {"type": "object", "required": ["kty", "kid"]}
_KEYS = {"type": "array", "minItems": 1, "items": _JWK}
Jwks = Annotated[dict[str, Any], Meta(extra_json_schema={"properties": {"keys": _KEYS}, "required": ["keys"]})]


class OpenTenantRequest(Request, frozen=True):
    """POST /tenants. `on_leak` says what becomes of API keys that somebody reports as leaked."""

    name: Name
    max_concurrent_rooms: Count = 100
    max_participants_per_room: Count = 10
    max_recording_duration_minutes: Count = 120
    on_leak: OnLeak = "revoke"


class ChangeTenantRequest(Request, frozen=True):
    """
    PATCH /tenants/{id}; a field that is left out stays as it is. `status` is for operators.

    `jwks` or `jwks_uri` lets the tenant's OAuth client authenticate by private_key_jwt, and by no API key any more;
    null takes it back. `on_leak` is what becomes of a key that somebody reports as leaked: it ends, gets a day in which
    another key replaces it, or is told of in the audit events alone.
    """

    name: Name | UnsetType = UNSET
    max_concurrent_rooms: Count | UnsetType = UNSET
    max_participants_per_room: Count | UnsetType = UNSET
    max_recording_duration_minutes: Count | UnsetType = UNSET
    status: Literal["active", "suspended"] | UnsetType = UNSET
    jwks: Jwks | UnsetType | None = UNSET
    jwks_uri: HttpsUrl | UnsetType | None = UNSET
    on_leak: OnLeak | UnsetType = UNSET


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
    on_leak: OnLeak


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
        on_leak=tenant.on_leak,
        created_at=rfc3339(tenant.created_at),
        **dataclasses.asdict(tenant.limits),
    )
