"""What stories give back: plain values, so that doors need not know the rooms."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from app.domain.api_keys import Hour, IssuedKey, KeyChanges, KeyDetails, Mode
from app.domain.audit import Entry
from app.domain.idempotency import Reply
from app.domain.rate_limits import Standing
from app.domain.refresh_tokens import Session
from app.domain.rooms import NewParticipant, Participant, Role, Room
from app.domain.signing_keys import KeyAges, KeyTimeline
from app.domain.tenants import Changes, ClientKeys, Limits, OnLeak, Tenant
from app.foundation.sender import NOBODY, Sender

__all__ = [
    "AT_THE_COMMAND_LINE",
    "Admission",
    "AlreadyDone",
    "Caller",
    "Changes",
    "ClientKeys",
    "CreatedKey",
    "Diagnosis",
    "Entry",
    "HeldToken",
    "Hour",
    "IssuedKey",
    "KeyAges",
    "KeyChanges",
    "KeyDetails",
    "KeyTimeline",
    "Level",
    "Limits",
    "MasterKeyUse",
    "Mode",
    "NewParticipant",
    "OnLeak",
    "Once",
    "OpenedTenant",
    "Participant",
    "Readiness",
    "Reply",
    "Role",
    "Room",
    "Sender",
    "Session",
    "Standing",
    "Tenant",
    "TokenPair",
]

Result = TypeVar("Result")
Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Once(Generic[Result]):
    """
    A request that shall be done once, however often it comes.

    Args:
        key: its Idempotency-Key; untrusted, never stored, never logged.
        path: where it was sent to.
        body: what it says; it may hold secrets.
        print_reply: prints the reply to it from what the story gives back.
    """

    key: str = field(repr=False)
    path: str
    body: bytes = field(repr=False)
    print_reply: Callable[[Result], Reply] = field(repr=False)


class AlreadyDone(Exception):  # noqa: N818  no error: it is the answer
    """
    A request was done before: here is the reply that was given then. Whatever was begun for it is undone.

    `key_rotating_until` is the end of the grace of the key that was used, where nobody else tells of it.
    """

    def __init__(self, reply: Reply, key_rotating_until: datetime | None = None) -> None:
        super().__init__()
        self.reply = reply
        self.key_rotating_until = key_rotating_until


@dataclass(frozen=True)
class TokenPair:
    """
    What a client receives: an access token, and a refresh token unless none was asked for.

    `scope` is what the access token may do; `key_rotating_until` the end of the grace of the key that was used;
    `exchanged` says that it was made from another token (RFC 8693).
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    scope: str
    key_rotating_until: datetime | None = None
    exchanged: bool = False


@dataclass(frozen=True)
class HeldToken:
    """The access token that a caller shows: its session, and the rights that it was minted with."""

    session_id: UUID
    role: str | None
    scope: str
    issued_at: datetime


@dataclass(frozen=True)
class Caller:
    """
    Who is asking, from where, and what they may do.

    Operators and resource servers have no tenant. `room_id` confines a token to one room, where it is the one of
    `participant_id` unless it is the tenant's own. Who comes in `mode` test reaches nothing that is live.
    """

    kind: Literal["operator", "resource_server", "tenant", "token"]
    tenant_id: UUID | None
    key_id: str | None
    scope: str
    room_id: UUID | None = None
    participant_id: UUID | None = None
    token: HeldToken | None = None
    key_rotating_until: datetime | None = None
    mode: Mode = "live"
    sender: Sender = field(default=NOBODY, compare=False)


# Who sits at the server's own command line may do what an operator may.
AT_THE_COMMAND_LINE = Caller(kind="operator", tenant_id=None, key_id=None, scope="")


@dataclass(frozen=True)
class Admission:
    """A participant who is in a room now, and the tokens that were minted for them."""

    participant: Participant
    room: Room
    pair: TokenPair


@dataclass(frozen=True)
class MasterKeyUse:
    """
    A master key by its id, and how much hangs on it: signing keys wrapped under it, living API keys, living sessions.

    `known` says that this host has it; something hangs on one that it lacks otherwise.
    """

    id: str
    current: bool
    known: bool
    signing_keys: int
    api_keys: int
    sessions: int

    @property
    def needed(self) -> bool:
        """Tell whether anything still hangs on it."""
        return self.signing_keys + self.api_keys + self.sessions > 0


@dataclass(frozen=True)
class CreatedKey:
    """A key that was just issued, in clear for this one time, and what there is to know of it."""

    issued: IssuedKey
    details: KeyDetails


@dataclass(frozen=True)
class OpenedTenant:
    """A tenant that was just opened, and its first key."""

    tenant: Tenant
    key: IssuedKey


@dataclass(frozen=True)
class Readiness:
    """Whether this process can serve, and what will need someone's attention; nothing of it is a secret."""

    ready: bool
    warnings: tuple[Literal["no_standby_signing_key"], ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What was found of a deployment: which part of it, how it stands, and what to do; nothing of it is a secret."""

    check: str
    level: Level
    message: str
