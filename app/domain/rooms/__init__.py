"""A room is a place of one tenant to which participants are admitted, and access tokens bound, until it is ended."""

from app.domain.rooms import participants
from app.domain.rooms.participants import Admitted, Banned, Full, NewParticipant, Participant, Role
from app.domain.rooms.rooms import (
    Mode,
    Room,
    delete,
    end,
    find,
    find_beside,
    finding_beside,
    hold,
    open_room,
    page,
    rename,
)

__all__ = [
    "Admitted",
    "Banned",
    "Full",
    "Mode",
    "NewParticipant",
    "Participant",
    "Role",
    "Room",
    "delete",
    "end",
    "find",
    "find_beside",
    "finding_beside",
    "hold",
    "open_room",
    "page",
    "participants",
    "rename",
]
