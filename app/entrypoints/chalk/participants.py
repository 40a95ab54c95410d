"""/rooms/{id}/participants: admit, list, change and remove participants, by API key or by a host's access token."""

from typing import Annotated

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, Meta
from werkzeug.routing import BaseConverter

from app.entrypoints.chalk.dialect.bodies import Data, DataPage, DeletedBody
from app.entrypoints.chalk.dialect.envelope import (
    answer,
    answer_page,
    given,
    page_asked,
    read,
    read_optional,
    read_part,
)
from app.entrypoints.chalk.dialect.errors import content_of
from app.entrypoints.chalk.dialect.guards import by_key_or_token
from app.entrypoints.chalk.dialect.once import ONCE, Printer, answer_once, asked_once
from app.entrypoints.chalk.dialect.participants import (
    AdmissionBody,
    AdmitManyRequest,
    AdmitRequest,
    AdmittedBody,
    ChangeParticipantRequest,
    MintRequest,
    ParticipantBody,
    RemoveRequest,
    admission_body,
    participant_body,
)
from app.entrypoints.operations import BODY, BY_KEY_OR_TOKEN, REPEATABLE, Operation, describes
from app.entrypoints.wiring import wired
from app.flows import refusals
from app.flows.admit_participant import Admit, admit_participant
from app.flows.change_participant import ParticipantChanges, change_participant
from app.flows.check_admission import check_admission
from app.flows.keep_reply import keep_reply
from app.flows.look_up_participants import look_up_participant, look_up_participants
from app.flows.refusals import InvalidRequestError, ServiceError
from app.flows.remove_participant import remove_participant
from app.flows.results import Admission, AlreadyDone, Caller, NewParticipant, Once

_ONE = "/<but_bulk:participant_id>"


class ButBulk(BaseConverter):
    """Any part of a path but the one word that stands in the place of a participant's id."""

    regex = r"(?!bulk\Z)[^/]+"
    part_isolating = True


routes = Blueprint("participants", __name__, url_prefix="/rooms/<room_id>/participants")

_READ = (*BY_KEY_OR_TOKEN, refusals.ForbiddenError, refusals.NotFoundError)
_WRITE = (*BODY, refusals.MalformedJsonError, *_READ)
_TOKENS = (refusals.RoomEndedError, refusals.InvalidScopeError, refusals.ParticipantRemovedError)
_ADMIT = (*_WRITE, *_TOKENS, refusals.RoomFullError, refusals.ParticipantBannedError)
_PASSING = {"SERVICE_UNAVAILABLE", "INTERNAL_ERROR", "RATE_LIMITED"}
_ACTIVE = {
    "active": Annotated[bool, Meta(description="Only those who are in the room now, or only those who are not.")]
}


@routes.post("")
@describes(
    Operation(
        json=AdmitRequest,
        answers={201: Data[AdmissionBody]},
        refuses=(*_ADMIT, *ONCE),
        security="key_or_token",
        headers=REPEATABLE,
    )
)
def create(room_id: str) -> Response:
    """Admit someone to a room; the answer holds their tokens."""
    caller = by_key_or_token()
    asked = read(AdmitRequest)
    return answer_once(lambda once: _admit(caller, room_id, asked, once), admission_body, 201, secret=True)


@routes.post("/bulk")
@describes(
    Operation(
        json=AdmitManyRequest,
        answers={200: Data[list[AdmittedBody]]},
        refuses=(*_WRITE, *ONCE, refusals.RoomEndedError),
        security="key_or_token",
        headers=REPEATABLE,
    )
)
def create_many(room_id: str) -> Response:
    """Admit many to a room, each by itself; the answer tells in the same order what became of each."""
    caller = by_key_or_token()
    asked = read(AdmitManyRequest)
    once = asked_once(Printer[list[AdmittedBody]](lambda bodies: bodies, 200))
    check_admission(caller, room_id, wired().tools, once=once)
    bodies = [_one(caller, room_id, each, _part(once, index, each)) for index, each in enumerate(asked.participants)]
    if once is not None and not any(_may_pass(each) for each in bodies):
        keep_reply(caller, once, bodies, wired().tools)
    return answer(bodies, secret=True)


@routes.get("")
@describes(
    Operation(
        answers={200: DataPage[ParticipantBody]},
        refuses=(*_READ, refusals.InvalidRequestError),
        security="key_or_token",
        paged=True,
        filters=_ACTIVE,
    )
)
def list_all(room_id: str) -> Response:
    """List the participants of a room."""
    caller = by_key_or_token()
    given = request.args.getlist("active")
    if len(given) > 1 or not set(given) <= {"true", "false"}:
        raise InvalidRequestError("active", "must be true or false, once")
    active = None if not given else given == ["true"]
    return answer_page(
        look_up_participants(caller, room_id, page_asked(), wired().tools, active=active), participant_body
    )


@routes.get(_ONE)
@describes(Operation(answers={200: Data[ParticipantBody]}, refuses=_READ, security="key_or_token"))
def read_one(room_id: str, participant_id: str) -> Response:
    """Read a participant."""
    return answer(participant_body(look_up_participant(by_key_or_token(), room_id, participant_id, wired().tools)))


@routes.patch(_ONE)
@describes(
    Operation(
        json=ChangeParticipantRequest,
        answers={200: Data[ParticipantBody]},
        refuses=(*_WRITE, refusals.ParticipantRemovedError),
        security="key_or_token",
    )
)
def change(room_id: str, participant_id: str) -> Response:
    """Give a participant another name or role, or take a ban back; access tokens of another role hold no longer."""
    caller = by_key_or_token()
    asked = read(ChangeParticipantRequest)
    if asked.banned is True:
        raise InvalidRequestError("banned", "can only be taken back here; DELETE bans")
    changes = ParticipantChanges(
        display_name=given(asked.display_name),
        role=given(asked.role),
        unban=asked.banned is False,
    )
    return answer(participant_body(change_participant(caller, room_id, participant_id, changes, wired().tools)))


@routes.delete(_ONE)
@describes(
    Operation(
        json=RemoveRequest,
        answers={200: Data[DeletedBody]},
        body_required=False,
        refuses=_WRITE,
        security="key_or_token",
    )
)
def delete(room_id: str, participant_id: str) -> Response:
    """Remove a participant from a room, and end all their tokens; participants may remove themselves."""
    caller = by_key_or_token()
    asked = read_optional(RemoveRequest)
    remove_participant(caller, room_id, participant_id, wired().tools, ban=asked.ban)
    return answer(DeletedBody(id=participant_id, deleted=True))


@routes.post(_ONE + "/token")
@describes(
    Operation(
        json=MintRequest,
        answers={200: Data[AdmissionBody]},
        body_required=False,
        refuses=(*_WRITE, *_TOKENS, *ONCE),
        security="key_or_token",
        headers=REPEATABLE,
    )
)
def mint(room_id: str, participant_id: str) -> Response:
    """Mint tokens anew for a participant who is in the room."""
    caller = by_key_or_token()
    asked = read_optional(MintRequest)
    wanted = Admit(room_id, participant_id, *_less(asked))
    return answer_once(
        lambda once: admit_participant(caller, wanted, wired().tools, once=once), admission_body, secret=True
    )


def _one(caller: Caller, room_id: str, presented: msgspec.Raw, once: Once[Admission] | None) -> AdmittedBody:
    try:
        asked = read_part(presented, AdmitRequest)
        return AdmittedBody(admission=admission_body(_admit(caller, room_id, asked, once)))
    except AlreadyDone as done:
        return AdmittedBody(admission=msgspec.json.decode(done.reply.body, type=Data[AdmissionBody]).data)
    except ServiceError as error:
        # Of any kind: those before have their tokens in this answer.
        return AdmittedBody(error=content_of(error))


def _part(once: Once[list[AdmittedBody]] | None, index: int, presented: msgspec.Raw) -> Once[Admission] | None:
    # Each is a transaction of its own, and so done once by itself.
    if once is None:
        return None
    return Once(once.key, f"{once.path}/{index}", bytes(presented), Printer(admission_body, 201))


def _may_pass(became: AdmittedBody) -> bool:
    # What is over when the client asks again must not be kept as the answer.
    return became.error is not UNSET and became.error.code in _PASSING


def _admit(caller: Caller, room_id: str, asked: AdmitRequest, once: Once[Admission] | None) -> Admission:
    new = NewParticipant(
        asked.display_name,
        given(asked.external_user_id),
        given(asked.role),
    )
    return admit_participant(caller, Admit(room_id, new, *_less(asked)), wired().tools, once=once)


def _less(asked: AdmitRequest | MintRequest) -> tuple[str | None, int | None]:
    return given(asked.scope), given(asked.expires_in)
