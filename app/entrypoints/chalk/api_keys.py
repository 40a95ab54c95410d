"""/tenants/{id}/api-keys: the API keys of a tenant, by API key."""

from flask import Blueprint, Response
from msgspec import UNSET

from app.entrypoints.chalk.dialect.api_keys import (
    ApiKeyBody,
    ChangeKeyRequest,
    CreatedKeyBody,
    CreateKeyRequest,
    HourBody,
    created_key_body,
    hour_body,
    key_body,
    metadata_asked,
    moment_asked,
    networks_asked,
)
from app.entrypoints.chalk.dialect.bodies import Data, DataPage, DeletedBody, RotateKeyRequest
from app.entrypoints.chalk.dialect.envelope import answer, answer_page, given, page_asked, read, read_optional
from app.entrypoints.chalk.dialect.guards import by_key
from app.entrypoints.chalk.dialect.once import ONCE, answer_once, by_key_or_retired
from app.entrypoints.operations import BODY, BY_KEY, REPEATABLE, Operation, describes
from app.entrypoints.wiring import wired
from app.flows import refusals
from app.flows.change_api_key import change_api_key
from app.flows.create_api_key import KeyWanted, create_api_key
from app.flows.look_up_api_keys import look_up_api_key, look_up_api_keys, look_up_uses
from app.flows.results import CreatedKey, KeyChanges
from app.flows.revoke_api_key import revoke_api_key
from app.flows.rotate_api_key import rotate_api_key

routes = Blueprint("api_keys", __name__, url_prefix="/tenants/<tenant_id>/api-keys")

_READ = (*BY_KEY, refusals.NotFoundError)
_WRITE = (*BODY, refusals.MalformedJsonError, *_READ, refusals.InvalidScopeError)


@routes.post("")
@describes(
    Operation(
        json=CreateKeyRequest,
        answers={201: Data[CreatedKeyBody]},
        refuses=(*_WRITE, *ONCE, refusals.ForbiddenError),
        security="key",
        headers=REPEATABLE,
    )
)
def create(tenant_id: str) -> Response:
    """Issue another API key, which may do no more than the caller; the answer holds it, this once."""
    caller = by_key()
    asked = read(CreateKeyRequest)
    wanted = KeyWanted(
        name=asked.name,
        scope=None if asked.scopes is UNSET else " ".join(asked.scopes),
        expires_at=moment_asked(asked.expires_at),
        networks=networks_asked(asked.allowed_cidrs),
        metadata=metadata_asked(asked.metadata),
        mode=given(asked.mode),
        requests_per_minute=given(asked.rate_limit_per_minute),
        from_browsers=asked.allow_browsers,
    )
    tools = wired().tools
    return answer_once(
        lambda once: create_api_key(caller, tenant_id, wanted, tools, once=once), _created, 201, secret=True
    )


@routes.get("")
@describes(
    Operation(
        answers={200: DataPage[ApiKeyBody]},
        refuses=(*_READ, refusals.InvalidRequestError),
        security="key",
        paged=True,
    )
)
def list_all(tenant_id: str) -> Response:
    """List the API keys of a tenant, also those that do not work any more; the oldest first."""
    caller, tools = by_key(), wired().tools
    now = tools.clock.now()
    return answer_page(look_up_api_keys(caller, tenant_id, page_asked(), tools), lambda key: key_body(key, now))


@routes.get("/<key_id>")
@describes(Operation(answers={200: Data[ApiKeyBody]}, refuses=_READ, security="key"))
def read_one(tenant_id: str, key_id: str) -> Response:
    """Read an API key, without its secret."""
    tools = wired().tools
    return answer(key_body(look_up_api_key(by_key(), tenant_id, key_id, tools), tools.clock.now()))


@routes.get("/<key_id>/uses")
@describes(Operation(answers={200: DataPage[HourBody]}, refuses=_READ, security="key"))
def list_uses(tenant_id: str, key_id: str) -> Response:
    """List how often an API key was used in each hour of the last seven days; the present hour first, all in one."""
    return answer_page(look_up_uses(by_key(), tenant_id, key_id, wired().tools), hour_body)


@routes.patch("/<key_id>")
@describes(
    Operation(
        json=ChangeKeyRequest,
        answers={200: Data[ApiKeyBody]},
        refuses=(*_WRITE, refusals.KeyNotActiveError),
        security="key",
    )
)
def change(tenant_id: str, key_id: str) -> Response:
    """Change an API key: it loses scopes and time, and sessions that go beyond them end."""
    caller, tools = by_key(), wired().tools
    asked = read(ChangeKeyRequest)
    changes = KeyChanges(
        name=given(asked.name),
        scopes=None if asked.scopes is UNSET else " ".join(asked.scopes),
        expires_at=moment_asked(asked.expires_at),
        networks=networks_asked(asked.allowed_cidrs),
        from_everywhere=asked.allowed_cidrs is None,
        metadata=metadata_asked(asked.metadata),
        requests_per_minute=given(asked.rate_limit_per_minute),
        usual_limit=asked.rate_limit_per_minute is None,
        from_browsers=given(asked.allow_browsers),
    )
    return answer(key_body(change_api_key(caller, tenant_id, key_id, changes, tools), tools.clock.now()))


@routes.delete("/<key_id>")
@describes(Operation(answers={200: Data[DeletedBody]}, refuses=_READ, security="key"))
def delete(tenant_id: str, key_id: str) -> Response:
    """Revoke an API key at once, and end every session that it opened."""
    revoke_api_key(by_key(), tenant_id, key_id, wired().tools)
    return answer(DeletedBody(id=key_id, deleted=True))


@routes.post("/<key_id>/rotate")
@describes(
    Operation(
        json=RotateKeyRequest,
        answers={201: Data[CreatedKeyBody]},
        body_required=False,
        refuses=(*_WRITE, *ONCE, refusals.ForbiddenError, refusals.KeyNotActiveError),
        security="key",
        headers=REPEATABLE,
    )
)
def rotate(tenant_id: str, key_id: str) -> Response:
    """Replace an API key by one with the same rights and the same end; the answer holds it, this once."""
    caller, tools = by_key_or_retired(_created, 201), wired().tools
    asked = read_optional(RotateKeyRequest)
    return answer_once(
        lambda once: rotate_api_key(
            caller, tenant_id, asked.grace_period, asked.reason, tools, presented_id=key_id, once=once
        ),
        _created,
        201,
        secret=True,
    )


def _created(created: CreatedKey) -> CreatedKeyBody:
    return created_key_body(created, wired().tools.clock.now())
