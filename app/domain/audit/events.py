"""
Every event that is kept, with its fields; `tag` is its type on the wire. Ids stand as they do there. Never a secret,
and never one event a token: a log that grows with traffic is not read.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The root of all events."""


class TenantOpened(Event, frozen=True, kw_only=True, tag="tenant.opened"):
    """The tenant, and its first API key."""

    key_id: str


class TenantChanged(Event, frozen=True, kw_only=True, tag="tenant.changed"):
    """The tenant has another name, other limits, or deals with leaked keys in another way."""


class TenantSuspended(Event, frozen=True, kw_only=True, tag="tenant.suspended"):
    """An operator paused the tenant: its keys do not work, and its sessions have ended."""


class TenantResumed(Event, frozen=True, kw_only=True, tag="tenant.resumed"):
    """An operator lets the tenant act again."""


class TenantClosed(Event, frozen=True, kw_only=True, tag="tenant.closed"):
    """The tenant is gone for good, and all that acted in its name."""


class ClientKeysChanged(Event, frozen=True, kw_only=True, tag="tenant.client_keys_changed"):
    """The keys of the tenant's OAuth client were registered, replaced or withdrawn."""


class RoomOpened(Event, frozen=True, kw_only=True, tag="room.opened"):
    """A room."""

    room_id: str


class RoomRenamed(Event, frozen=True, kw_only=True, tag="room.renamed"):
    """A room has another name."""

    room_id: str


class RoomEnded(Event, frozen=True, kw_only=True, tag="room.ended"):
    """A room is over, and every session that was bound to it."""

    room_id: str


class RoomDeleted(Event, frozen=True, kw_only=True, tag="room.deleted"):
    """A room is over and seen no more, and every session that was bound to it has ended."""

    room_id: str


class ParticipantAdmitted(Event, frozen=True, kw_only=True, tag="participant.admitted"):
    """Someone came into a room, for the first time or again after they were removed."""

    room_id: str
    participant_id: str
    role: str


class ParticipantChanged(Event, frozen=True, kw_only=True, tag="participant.role_changed"):
    """A participant may do other things now; access tokens from before hold no longer."""

    room_id: str
    participant_id: str
    role: str
    role_before: str


class ParticipantRenamed(Event, frozen=True, kw_only=True, tag="participant.renamed"):
    """A participant is shown under another name."""

    room_id: str
    participant_id: str


class ParticipantTokenMinted(Event, frozen=True, kw_only=True, tag="participant.token_minted"):
    """A participant was given tokens of another one, and can act in their name; it is the actor of this event."""

    room_id: str
    participant_id: str


class ParticipantRemoved(Event, frozen=True, kw_only=True, tag="participant.removed"):
    """A participant was removed, and their sessions have ended."""

    room_id: str
    participant_id: str


class ParticipantBanned(Event, frozen=True, kw_only=True, tag="participant.banned"):
    """A participant was removed, and is not admitted again."""

    room_id: str
    participant_id: str


class ParticipantUnbanned(Event, frozen=True, kw_only=True, tag="participant.unbanned"):
    """A participant who was banned may be admitted again."""

    room_id: str
    participant_id: str


class ApiKeyCreated(Event, frozen=True, kw_only=True, tag="api_key.created"):
    """Another API key of the tenant, with this scope."""

    key_id: str
    scope: str


class ApiKeyChanged(Event, frozen=True, kw_only=True, tag="api_key.changed"):
    """An API key has another name, less scope, an earlier end or other networks."""

    key_id: str


class ApiKeyRotated(Event, frozen=True, kw_only=True, tag="api_key.rotated"):
    """An API key was replaced by `successor_id`, as a routine or because somebody has it who should not."""

    key_id: str
    successor_id: str
    reason: str


class ApiKeyRevoked(Event, frozen=True, kw_only=True, tag="api_key.revoked"):
    """An API key is dead, and every session that it opened."""

    key_id: str


class ApiKeyLeaked(Event, frozen=True, kw_only=True, tag="api_key.leaked", omit_defaults=True):
    """
    Somebody reported that they hold an API key, from `address`; what was done by `policy`, and until when the key
    works now, which is left out when it has no end.
    """

    key_id: str
    policy: str
    works_until: str | None = None


class ApiKeyInBrowser(Event, frozen=True, kw_only=True, tag="api_key.in_browser"):
    """A browser sent an API key that none may send, and was refused; told at most once an hour of a key."""

    key_id: str


class SessionRevoked(Event, frozen=True, kw_only=True, tag="session.revoked"):
    """A session was ended by its client, or by the tenant."""

    session_id: str


class SessionsRevoked(Event, frozen=True, kw_only=True, tag="sessions.revoked", omit_defaults=True):
    """
    All sessions of the tenant were ended; `sessions` is how many. With `opened_before`, an operator ended those alone,
    of all tenants: the database was restored from a backup.
    """

    sessions: int
    opened_before: str | None = None


class RefreshReuseDetected(Event, frozen=True, kw_only=True, tag="refresh.reuse_detected"):
    """A spent refresh token came back, `behind` rotations late, and its session has ended: someone has a copy."""

    session_id: str
    behind: int


AnyEvent = (
    TenantOpened
    | TenantChanged
    | TenantSuspended
    | TenantResumed
    | TenantClosed
    | ClientKeysChanged
    | RoomOpened
    | RoomRenamed
    | RoomEnded
    | RoomDeleted
    | ParticipantAdmitted
    | ParticipantChanged
    | ParticipantRenamed
    | ParticipantTokenMinted
    | ParticipantRemoved
    | ParticipantBanned
    | ParticipantUnbanned
    | ApiKeyCreated
    | ApiKeyChanged
    | ApiKeyRotated
    | ApiKeyRevoked
    | ApiKeyLeaked
    | ApiKeyInBrowser
    | SessionRevoked
    | SessionsRevoked
    | RefreshReuseDetected
)
