"""/tenants: open, read, list, change and delete tenants, and rotate their keys."""

from typing import TypeVar

from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from app.entrypoints.chalk.bodies import (
    ChangeTenantRequest,
    DeletedBody,
    KeyBody,
    OpenTenantRequest,
    RotateKeyRequest,
    opened_tenant_body,
    tenant_body,
)
from app.entrypoints.chalk.envelope import answer, answer_page, page_asked, read, read_optional
from app.entrypoints.chalk.guards import by_key
from app.entrypoints.wiring import wired
from app.flows.change_tenant import change_tenant
from app.flows.close_tenant import close_tenant
from app.flows.look_up import look_up_tenant, look_up_tenants
from app.flows.open_tenant import open_tenant
from app.flows.results import Changes, Limits
from app.flows.rotate_api_key import rotate_api_key

routes = Blueprint("tenants", __name__, url_prefix="/tenants")

Value = TypeVar("Value")


@routes.post("")
def create() -> Response:
    """Open a tenant; the answer holds its first key, this once."""
    caller = by_key()
    asked = read(OpenTenantRequest)
    limits = Limits(asked.max_concurrent_rooms, asked.max_participants_per_room, asked.max_recording_duration_minutes)
    opened = open_tenant(caller, asked.name, limits, wired().tools)
    return answer(opened_tenant_body(opened), 201, secret=True)


@routes.get("")
def list_all() -> Response:
    """List the tenants, for operators."""
    caller = by_key()
    cursor, limit = page_asked()
    return answer_page(look_up_tenants(caller, cursor, limit, wired().tools), tenant_body)


@routes.get("/<tenant_id>")
def read_one(tenant_id: str) -> Response:
    """Read a tenant."""
    return answer(tenant_body(look_up_tenant(by_key(), tenant_id, wired().tools)))


@routes.patch("/<tenant_id>")
def change(tenant_id: str) -> Response:
    """Change a tenant."""
    caller = by_key()
    asked = read(ChangeTenantRequest)
    changes = Changes(
        name=_given(asked.name),
        max_concurrent_rooms=_given(asked.max_concurrent_rooms),
        max_participants_per_room=_given(asked.max_participants_per_room),
        max_recording_duration_minutes=_given(asked.max_recording_duration_minutes),
        suspended=None if asked.status is UNSET else asked.status == "suspended",
    )
    return answer(tenant_body(change_tenant(caller, tenant_id, changes, wired().tools)))


@routes.delete("/<tenant_id>")
def delete(tenant_id: str) -> Response:
    """Close a tenant for good."""
    close_tenant(by_key(), tenant_id, wired().tools)
    return answer(DeletedBody(id=tenant_id, deleted=True))


@routes.post("/<tenant_id>/rotate-key")
def rotate_key(tenant_id: str) -> Response:
    """Replace the key that is calling; the answer holds its successor, this once."""
    caller = by_key()
    asked = read_optional(RotateKeyRequest)
    rotated = rotate_api_key(caller, tenant_id, asked.grace_period, asked.reason, wired().tools)
    return answer(KeyBody(api_key=rotated.text), secret=True)


def _given(value: Value | UnsetType) -> Value | None:
    return None if isinstance(value, UnsetType) else value
