"""What is said of participants."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.entrypoints.chalk.dialect.bodies import ErrorContent, ExternalId, Name, Request, ScopeAsked, Seconds
from app.entrypoints.chalk.dialect.rooms import RoomBody, room_body
from app.flows.results import Admission, Participant, Role
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id

_MOST_AT_ONCE = 50


class AdmitRequest(Request, frozen=True, omit_defaults=True):
    """
    POST /rooms/{id}/participants. The same `external_user_id` is the same participant. Without a `role`, someone new
    is a participant. `scope` and `expires_in` ask for less than the role has.
    """

    display_name: Name
    external_user_id: ExternalId | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    scope: ScopeAsked | UnsetType = UNSET
    expires_in: Seconds | UnsetType = UNSET


class AdmitManyRequest(Request, frozen=True):
    """POST /rooms/{id}/participants/bulk: each as for one; what is wrong with one does not hold up the others."""

    participants: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=_MOST_AT_ONCE)]


class MintRequest(Request, frozen=True, omit_defaults=True):
    """POST /rooms/{id}/participants/{pid}/token."""

    scope: ScopeAsked | UnsetType = UNSET
    expires_in: Seconds | UnsetType = UNSET


class ChangeParticipantRequest(Request, frozen=True, omit_defaults=True):
    """PATCH /rooms/{id}/participants/{pid}; what is left out stays as it is. `banned` can be taken back here."""

    display_name: Name | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    banned: Annotated[bool, Meta(extra_json_schema={"const": False})] | UnsetType = UNSET


class RemoveRequest(Request, frozen=True, omit_defaults=True):
    """DELETE /rooms/{id}/participants/{pid}; who is banned is not admitted again."""

    ban: bool = False


class ParticipantBody(msgspec.Struct, frozen=True):
    """A participant of a room."""

    id: str
    room_id: str
    display_name: str
    external_user_id: str | None
    role: Role
    active: bool
    banned: bool
    created_at: str
    removed_at: str | None


class AdmissionBody(msgspec.Struct, frozen=True):
    """A token pair as at /auth/token, what it may do, and the participant and the room that it is for."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    participant: ParticipantBody
    room: RoomBody


class AdmittedBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one of many: an admission or an error."""

    admission: AdmissionBody | UnsetType = UNSET
    error: ErrorContent | UnsetType = UNSET


def admission_body(admission: Admission) -> AdmissionBody:
    """Print an admission with its tokens."""
    pair = admission.pair
    if pair.refresh_token is None:
        raise TypeError("Chalk JSON promises a refresh token")
    return AdmissionBody(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        token_type="Bearer",  # noqa: S106  a type, not a secret
        expires_in=pair.expires_in,
        scope=pair.scope,
        participant=participant_body(admission.participant),
        room=room_body(admission.room),
    )


def participant_body(participant: Participant) -> ParticipantBody:
    """Print a participant."""
    return ParticipantBody(
        id=print_id("p", participant.id),
        room_id=print_id("room", participant.room_id),
        display_name=participant.display_name,
        external_user_id=participant.external_user_id,
        role=participant.role,
        active=participant.removed_at is None,
        banned=participant.banned_at is not None,
        created_at=rfc3339(participant.created_at),
        removed_at=None if participant.removed_at is None else rfc3339(participant.removed_at),
    )
