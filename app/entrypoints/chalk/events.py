"""/tenants/{id}/events: what was done in a tenant's name, and what happened to it, by API key."""

from flask import Blueprint, Response
from msgspec import Struct

from app.entrypoints.chalk.dialect.bodies import DataPage
from app.entrypoints.chalk.dialect.envelope import answer_page, page_asked
from app.entrypoints.chalk.dialect.guards import by_key
from app.entrypoints.operations import BY_KEY, Operation, describes
from app.entrypoints.wiring import wired
from app.flows import refusals
from app.flows.look_up_events import look_up_events
from app.flows.results import Entry
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id

routes = Blueprint("events", __name__)


class EventBody(Struct, frozen=True):
    """
    An event. `actor` is who did it, by the id of a key, a session, a participant or a client; `data` depends on the
    `type`: see docs/events.md.
    """

    id: str
    type: str
    created_at: str
    actor: str | None
    address: str | None
    request_id: str | None
    data: dict[str, str | int]


@routes.get("/tenants/<tenant_id>/events")
@describes(
    Operation(
        answers={200: DataPage[EventBody]},
        refuses=(*BY_KEY, refusals.ForbiddenError, refusals.NotFoundError, refusals.InvalidRequestError),
        security="key",
        paged=True,
    )
)
def list_all(tenant_id: str) -> Response:
    """List the audit events of a tenant, the latest first."""
    caller = by_key()
    return answer_page(look_up_events(caller, tenant_id, page_asked(), wired().tools), _body)


def _body(entry: Entry) -> EventBody:
    return EventBody(
        id=print_id("evt", entry.id),
        type=entry.type,
        created_at=rfc3339(entry.created_at),
        actor=entry.actor,
        address=entry.address,
        request_id=entry.request_id,
        data=entry.data,
    )
