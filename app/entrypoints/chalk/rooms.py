"""/rooms: open, read, list, rename, end and delete rooms, by API key or by access token."""

from flask import Blueprint, Response

from app.entrypoints.chalk.dialect.bodies import Data, DataPage, DeletedBody
from app.entrypoints.chalk.dialect.envelope import answer, answer_page, page_asked, read
from app.entrypoints.chalk.dialect.guards import bearer_token, by_key, by_key_or_token
from app.entrypoints.chalk.dialect.once import ONCE, answer_once
from app.entrypoints.chalk.dialect.rooms import ChangeRoomRequest, OpenRoomRequest, RoomBody, room_body
from app.entrypoints.operations import BODY, BY_KEY_OR_TOKEN, REPEATABLE, Operation, describes
from app.entrypoints.wiring import wired
from app.flows import refusals
from app.flows.delete_room import delete_room
from app.flows.end_room import end_room
from app.flows.look_up import look_up_room, look_up_room_by_token, look_up_rooms
from app.flows.open_room import open_room
from app.flows.rename_room import rename_room

_OPEN = (refusals.ForbiddenError, refusals.NotFoundError, refusals.RoomLimitError)
_CHANGE = (refusals.ForbiddenError, refusals.NotFoundError, refusals.RoomEndedError)

routes = Blueprint("rooms", __name__, url_prefix="/rooms")


@routes.post("")
@describes(
    Operation(
        json=OpenRoomRequest,
        answers={201: Data[RoomBody]},
        refuses=(*BODY, *ONCE, refusals.MalformedJsonError, *BY_KEY_OR_TOKEN, *_OPEN),
        security="key_or_token",
        headers=REPEATABLE,
    )
)
def create() -> Response:
    """Open a room."""
    caller = by_key_or_token()
    asked = read(OpenRoomRequest)
    return answer_once(lambda once: open_room(caller, asked.name, wired().tools, once=once), room_body, 201)


@routes.get("")
@describes(
    Operation(
        answers={200: DataPage[RoomBody]},
        refuses=(*BY_KEY_OR_TOKEN, refusals.ForbiddenError, refusals.InvalidRequestError),
        security="key_or_token",
        paged=True,
    )
)
def list_all() -> Response:
    """List the rooms of the caller's tenant."""
    caller = by_key_or_token()
    cursor, limit = page_asked()
    return answer_page(look_up_rooms(caller, cursor, limit, wired().tools), room_body)


@routes.get("/<room_id>")
@describes(
    Operation(
        answers={200: Data[RoomBody]},
        refuses=(*BY_KEY_OR_TOKEN, refusals.ForbiddenError, refusals.NotFoundError),
        security="key_or_token",
    )
)
def read_one(room_id: str) -> Response:
    """Read a room; the seed's example of a bearer token in use."""
    presented, tools = bearer_token(), wired().tools
    if presented is None:
        room = look_up_room(by_key(), room_id, tools)
    else:
        room = look_up_room_by_token(presented, room_id, tools)
    return answer(room_body(room))


@routes.patch("/<room_id>")
@describes(
    Operation(
        json=ChangeRoomRequest,
        answers={200: Data[RoomBody]},
        refuses=(*BODY, refusals.MalformedJsonError, *BY_KEY_OR_TOKEN, *_CHANGE),
        security="key_or_token",
    )
)
def change(room_id: str) -> Response:
    """Rename a room."""
    caller = by_key_or_token()
    return answer(room_body(rename_room(caller, room_id, read(ChangeRoomRequest).name, wired().tools)))


@routes.delete("/<room_id>")
@describes(
    Operation(
        answers={200: Data[DeletedBody]},
        refuses=(*BY_KEY_OR_TOKEN, refusals.ForbiddenError, refusals.NotFoundError),
        security="key_or_token",
    )
)
def delete(room_id: str) -> Response:
    """End a room and every session that is bound to it, and let nobody see it any more."""
    delete_room(by_key_or_token(), room_id, wired().tools)
    return answer(DeletedBody(id=room_id, deleted=True))


@routes.post("/<room_id>/end")
@describes(
    Operation(
        answers={200: Data[RoomBody]},
        refuses=(*BY_KEY_OR_TOKEN, *_CHANGE),
        security="key_or_token",
    )
)
def end(room_id: str) -> Response:
    """End a room, and every session that is bound to it."""
    return answer(room_body(end_room(by_key_or_token(), room_id, wired().tools)))
