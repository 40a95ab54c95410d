"""What was done in a tenant's name, and what happened to it, for whoever looks into it afterwards."""

from app.domain.audit.events import (
    ApiKeyChanged,
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyRotated,
    Event,
    ParticipantAdmitted,
    ParticipantBanned,
    ParticipantChanged,
    ParticipantRemoved,
    ParticipantRenamed,
    ParticipantTokenMinted,
    ParticipantUnbanned,
    RefreshReuseDetected,
    SessionRevoked,
    SessionsRevoked,
)
from app.domain.audit.log import Entry, forget, page, record

__all__ = [
    "ApiKeyChanged",
    "ApiKeyCreated",
    "ApiKeyRevoked",
    "ApiKeyRotated",
    "Entry",
    "Event",
    "ParticipantAdmitted",
    "ParticipantBanned",
    "ParticipantChanged",
    "ParticipantRemoved",
    "ParticipantRenamed",
    "ParticipantTokenMinted",
    "ParticipantUnbanned",
    "RefreshReuseDetected",
    "SessionRevoked",
    "SessionsRevoked",
    "forget",
    "page",
    "record",
]
