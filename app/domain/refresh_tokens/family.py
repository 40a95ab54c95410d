"""A family: one session with all the refresh tokens that it ever had."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from app.foundation.identifiers import new_id
from app.foundation.sender import NOBODY, Sender

FIRST_GENERATION = 1
TAG_LENGTH = 16
# Stands for a rotation without an Idempotency-Key; no tag is written with dots.
NO_TAG = "." * TAG_LENGTH
# Stands for the key of a refresh token that there is not.
NO_KEY = ""
# Of the key that opened the session.
Mode = Literal["live", "test"]


def print_tag(code: bytes) -> str:
    """Print the tag of an Idempotency-Key: 96 bits of its MAC."""
    return base64.urlsafe_b64encode(code).decode()[:TAG_LENGTH]


@dataclass(frozen=True)
class Family:
    """A session as its row stands."""

    id: UUID
    tenant_id: UUID
    mode: Mode
    key_id: str | None
    client_kid: str | None
    room_id: UUID | None
    participant_id: UUID | None
    role: str | None
    display_name: str | None
    rights_changed_at: datetime | None
    subject: str
    scope: str
    asked_scope: str | None
    audience: str
    access_ttl_seconds: int | None
    generation: int
    rotated_at: datetime
    refresh_kid: str
    retry_tags: str = field(repr=False)
    idle_expires_at: datetime
    absolute_expires_at: datetime
    revoked_at: datetime | None

    @property
    def is_new(self) -> bool:
        """Tell whether it was never rotated."""
        return self.generation == FIRST_GENERATION

    @property
    def expires_at(self) -> datetime:
        """Give the moment at which the session ends if nothing more happens to it."""
        return min(self.idle_expires_at, self.absolute_expires_at)

    def lives_at(self, now: datetime) -> bool:
        """Tell whether it was neither revoked nor has expired."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class Member:
    """The participant of a room that a session is opened for."""

    id: UUID
    role: str
    display_name: str


@dataclass(frozen=True)
class NewFamily:
    """
    What a session is opened for: by which key of which tenant, of which mode, for whom, to do what, where.

    `asked_scope` stays its bound, whatever a change of the role brings. It is over at `ends_by`, if that is before its
    time; its access tokens live for `access_ttl_seconds`, if given.
    """

    tenant_id: UUID
    key_id: str | None
    subject: str
    scope: str
    audience: str
    mode: Mode
    room_id: UUID | None = None
    client_kid: str | None = None
    member: Member | None = None
    asked_scope: str | None = None
    access_ttl_seconds: int | None = None
    ends_by: datetime | None = None
    sender: Sender = NOBODY


@dataclass(frozen=True)
class Life:
    """How long a session lives: when nobody uses it, and at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True)
class Policy:
    """
    How long sessions live, of tenants and of participants, which key signs their tokens, and how lost answers are
    made good.

    `retry_seconds` is the window in which a spent token is answered again without an Idempotency-Key; 0 is strict.
    `current_kid` is asked for each generation anew.
    """

    of_tenants: Life
    of_participants: Life
    retry_seconds: int
    current_kid: Callable[[], str]

    @property
    def refresh_kid(self) -> str:
        """Give the key that signs what is made now."""
        return self.current_kid()


def begin(new: NewFamily, policy: Policy, now: datetime) -> Family:
    """Give a family in its first generation, which has no row yet."""
    life = policy.of_tenants if new.member is None else policy.of_participants
    ends_at = now + life.absolute
    return Family(
        id=new_id(),
        tenant_id=new.tenant_id,
        mode=new.mode,
        key_id=new.key_id,
        client_kid=new.client_kid,
        room_id=new.room_id,
        participant_id=None if new.member is None else new.member.id,
        role=None if new.member is None else new.member.role,
        display_name=None if new.member is None else new.member.display_name,
        rights_changed_at=None,
        subject=new.subject,
        scope=new.scope,
        asked_scope=new.asked_scope,
        audience=new.audience,
        access_ttl_seconds=new.access_ttl_seconds,
        generation=FIRST_GENERATION,
        rotated_at=now,
        refresh_kid=policy.refresh_kid,
        retry_tags=NO_TAG * 4,
        idle_expires_at=now + life.idle,
        absolute_expires_at=ends_at if new.ends_by is None else min(ends_at, new.ends_by),
        revoked_at=None,
    )
