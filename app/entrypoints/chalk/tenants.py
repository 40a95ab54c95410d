"""/tenants: open, read, list, change and delete tenants, and rotate their keys."""

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET

from app.entrypoints.chalk.dialect.bodies import Data, DataPage, DeletedBody, KeyBody, RotateKeyRequest
from app.entrypoints.chalk.dialect.envelope import answer, answer_page, given, page_asked, read, read_optional
from app.entrypoints.chalk.dialect.guards import by_key
from app.entrypoints.chalk.dialect.once import ONCE, answer_once, by_key_or_retired
from app.entrypoints.chalk.dialect.tenants import (
    ChangeTenantRequest,
    OpenedTenantBody,
    OpenTenantRequest,
    TenantBody,
    opened_tenant_body,
    tenant_body,
)
from app.entrypoints.operations import BODY, BY_KEY, REPEATABLE, Operation, describes
from app.entrypoints.wiring import wired
from app.flows import refusals
from app.flows.change_tenant import change_tenant
from app.flows.close_tenant import close_tenant
from app.flows.look_up import look_up_tenant, look_up_tenants
from app.flows.open_tenant import open_tenant
from app.flows.refusals import InvalidRequestError
from app.flows.results import Changes, ClientKeys, CreatedKey, Limits
from app.flows.rotate_api_key import rotate_api_key

_ROTATE = (refusals.ForbiddenError, refusals.NotFoundError, refusals.KeyNotActiveError)

routes = Blueprint("tenants", __name__, url_prefix="/tenants")


@routes.post("")
@describes(
    Operation(
        json=OpenTenantRequest,
        answers={201: Data[OpenedTenantBody]},
        refuses=(*BODY, *ONCE, refusals.MalformedJsonError, *BY_KEY, refusals.ForbiddenError),
        security="key",
        headers=REPEATABLE,
    )
)
def create() -> Response:
    """Open a tenant; the answer holds its first key, this once."""
    caller = by_key()
    asked = read(OpenTenantRequest)
    limits = Limits(asked.max_concurrent_rooms, asked.max_participants_per_room, asked.max_recording_duration_minutes)
    return answer_once(
        lambda once: open_tenant(caller, asked.name, limits, wired().tools, on_leak=asked.on_leak, once=once),
        opened_tenant_body,
        201,
        secret=True,
    )


@routes.get("")
@describes(
    Operation(
        answers={200: DataPage[TenantBody]},
        refuses=(*BY_KEY, refusals.ForbiddenError, refusals.InvalidRequestError),
        security="key",
        paged=True,
    )
)
def list_all() -> Response:
    """List the tenants, for operators."""
    caller = by_key()
    cursor, limit = page_asked()
    return answer_page(look_up_tenants(caller, cursor, limit, wired().tools), tenant_body)


@routes.get("/<tenant_id>")
@describes(Operation(answers={200: Data[TenantBody]}, refuses=(*BY_KEY, refusals.NotFoundError), security="key"))
def read_one(tenant_id: str) -> Response:
    """Read a tenant."""
    return answer(tenant_body(look_up_tenant(by_key(), tenant_id, wired().tools)))


@routes.patch("/<tenant_id>")
@describes(
    Operation(
        json=ChangeTenantRequest,
        answers={200: Data[TenantBody]},
        refuses=(*BODY, refusals.MalformedJsonError, *BY_KEY, refusals.ForbiddenError, refusals.NotFoundError),
        security="key",
    )
)
def change(tenant_id: str) -> Response:
    """Change a tenant."""
    caller = by_key()
    asked = read(ChangeTenantRequest)
    changes = Changes(
        name=given(asked.name),
        max_concurrent_rooms=given(asked.max_concurrent_rooms),
        max_participants_per_room=given(asked.max_participants_per_room),
        max_recording_duration_minutes=given(asked.max_recording_duration_minutes),
        suspended=None if asked.status is UNSET else asked.status == "suspended",
        client_keys=_client_keys(asked),
        withdrawn=_withdrawn(asked),
        on_leak=given(asked.on_leak),
    )
    return answer(tenant_body(change_tenant(caller, tenant_id, changes, wired().tools)))


@routes.delete("/<tenant_id>")
@describes(
    Operation(
        answers={200: Data[DeletedBody]},
        refuses=(*BY_KEY, refusals.ForbiddenError, refusals.NotFoundError),
        security="key",
    )
)
def delete(tenant_id: str) -> Response:
    """Close a tenant for good."""
    close_tenant(by_key(), tenant_id, wired().tools)
    return answer(DeletedBody(id=tenant_id, deleted=True))


@routes.post("/<tenant_id>/rotate-key")
@describes(
    Operation(
        json=RotateKeyRequest,
        answers={200: Data[KeyBody]},
        body_required=False,
        refuses=(*BODY, *ONCE, refusals.MalformedJsonError, *BY_KEY, *_ROTATE),
        security="key",
        headers=REPEATABLE,
    )
)
def rotate_key(tenant_id: str) -> Response:
    """Replace the key that is calling; the answer holds its successor, this once."""
    caller = by_key_or_retired(_successor)
    asked = read_optional(RotateKeyRequest)
    return answer_once(
        lambda once: rotate_api_key(caller, tenant_id, asked.grace_period, asked.reason, wired().tools, once=once),
        _successor,
        secret=True,
    )


def _successor(rotated: CreatedKey) -> KeyBody:
    return KeyBody(api_key=rotated.issued.text)


def _client_keys(asked: ChangeTenantRequest) -> ClientKeys | None:
    jwks, jwks_uri = given(asked.jwks), given(asked.jwks_uri)
    if jwks is not None and jwks_uri is not None:
        raise InvalidRequestError("jwks", "must not stand beside jwks_uri")
    if jwks is None and jwks_uri is None:
        return None
    return ClientKeys(jwks=None if jwks is None else msgspec.json.encode(jwks).decode(), jwks_uri=jwks_uri)


def _withdrawn(asked: ChangeTenantRequest) -> list[str]:
    # Null takes a field's own keys away, and beside new keys says what is so anyway.
    if _client_keys(asked) is not None:
        return []
    return [name for name, value in (("jwks", asked.jwks), ("jwks_uri", asked.jwks_uri)) if value is None]
