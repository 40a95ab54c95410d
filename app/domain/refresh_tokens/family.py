"""A family: one session with all the refresh tokens that it ever had."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

FIRST_GENERATION = 1
TAG_LENGTH = 16
# Stands for a rotation without an Idempotency-Key; no tag is written with dots.
NO_TAG = "." * TAG_LENGTH


@dataclass(frozen=True)
class Family:
    """A session as its row stands."""

    id: UUID
    tenant_id: UUID
    key_id: str | None
    client_kid: str | None
    room_id: UUID | None
    subject: str
    scope: str
    audience: str
    generation: int
    rotated_at: datetime
    refresh_kid: str
    retry_tags: str = field(repr=False)
    idle_expires_at: datetime
    absolute_expires_at: datetime
    revoked_at: datetime | None

    @property
    def expires_at(self) -> datetime:
        """Give the moment at which the session ends if nothing more happens to it."""
        return min(self.idle_expires_at, self.absolute_expires_at)

    def lives_at(self, now: datetime) -> bool:
        """Tell whether it was neither revoked nor has expired."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class NewFamily:
    """What a session is opened for: by which key of which tenant, for whom, to do what, where."""

    tenant_id: UUID
    key_id: str | None
    subject: str
    scope: str
    audience: str
    room_id: UUID | None = None
    client_kid: str | None = None


@dataclass(frozen=True)
class Policy:
    """
    How long sessions live, which key signs their tokens, and how lost answers are made good.

    `retry_seconds` is the window in which a spent token is answered again without an Idempotency-Key; 0 is strict.
    """

    idle: timedelta
    absolute: timedelta
    retry_seconds: int
    refresh_kid: str
