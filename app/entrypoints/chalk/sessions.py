"""/sessions: list and end the sessions of a tenant, by API key."""

from typing import Annotated

from flask import Blueprint, Response, request
from msgspec import Meta, Struct

from app.entrypoints.chalk.dialect.bodies import Data, DataPage, DeletedBody
from app.entrypoints.chalk.dialect.envelope import answer, answer_page, page_asked
from app.entrypoints.chalk.dialect.guards import by_key
from app.entrypoints.operations import BY_KEY, Operation, describes
from app.entrypoints.wiring import wired
from app.flows import refusals
from app.flows.end_session import end_session
from app.flows.end_sessions import end_sessions
from app.flows.look_up_sessions import SessionFilters, look_up_sessions
from app.flows.refusals import InvalidRequestError
from app.flows.results import Mode, Session
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id

routes = Blueprint("sessions", __name__)

_FILTERS = {
    "room_id": Annotated[
        str, Meta(pattern="^room_[0-7][0-9a-hjkmnp-tv-z]{25}$", description="Only those that are bound to this room.")
    ],
    "participant_id": Annotated[
        str, Meta(pattern="^p_[0-7][0-9a-hjkmnp-tv-z]{25}$", description="Only those of this participant.")
    ],
    "key_id": Annotated[str, Meta(pattern="^key_[0-9A-Za-z]{8}$", description="Only those that this API key opened.")],
}


class SessionBody(Struct, frozen=True):
    """A living session; `generation` counts its refresh tokens, `last_` tells who used it last."""

    id: str
    tenant_id: str
    mode: Mode
    subject: str
    scope: str
    audience: str
    key_id: str | None
    room_id: str | None
    participant_id: str | None
    generation: int
    created_at: str
    last_rotated_at: str
    expires_at: str
    last_address: str | None
    last_agent: str | None


class EndedBody(Struct, frozen=True):
    """How many sessions were ended."""

    revoked: int


@routes.get("/sessions")
@describes(
    Operation(
        answers={200: DataPage[SessionBody]},
        refuses=(*BY_KEY, refusals.ForbiddenError, refusals.InvalidRequestError),
        security="key",
        paged=True,
        filters=_FILTERS,
    )
)
def list_all() -> Response:
    """List the living sessions of the caller's tenant."""
    caller = by_key()
    for name in _FILTERS:
        if len(request.args.getlist(name)) > 1:
            raise InvalidRequestError(name, "must not be repeated")
    filters = SessionFilters(**{name: request.args.get(name) for name in _FILTERS})
    return answer_page(look_up_sessions(caller, filters, page_asked(), wired().tools), _body)


@routes.delete("/sessions/<session_id>")
@describes(
    Operation(
        answers={200: Data[DeletedBody]},
        refuses=(*BY_KEY, refusals.ForbiddenError, refusals.NotFoundError),
        security="key",
    )
)
def delete(session_id: str) -> Response:
    """End a session and all its tokens."""
    end_session(by_key(), session_id, wired().tools)
    return answer(DeletedBody(id=session_id, deleted=True))


@routes.post("/tenants/<tenant_id>/revoke-sessions")
@describes(
    Operation(
        answers={200: Data[EndedBody]},
        refuses=(*BY_KEY, refusals.ForbiddenError, refusals.NotFoundError),
        security="key",
    )
)
def delete_all(tenant_id: str) -> Response:
    """End every session of a tenant."""
    return answer(EndedBody(revoked=end_sessions(by_key(), tenant_id, wired().tools)))


def _body(session: Session) -> SessionBody:
    return SessionBody(
        id=print_id("ses", session.id),
        tenant_id=print_id("tenant", session.tenant_id),
        mode=session.mode,
        subject=session.subject,
        scope=session.scope,
        audience=session.audience,
        key_id=None if session.key_id is None else f"key_{session.key_id}",
        room_id=None if session.room_id is None else print_id("room", session.room_id),
        participant_id=None if session.participant_id is None else print_id("p", session.participant_id),
        generation=session.generation,
        created_at=rfc3339(session.created_at),
        last_rotated_at=rfc3339(session.rotated_at),
        expires_at=rfc3339(session.expires_at),
        last_address=session.last_address,
        last_agent=session.last_agent,
    )
