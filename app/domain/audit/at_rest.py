"""What the audit events say that must be so at rest."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from app.domain.audit.events import AnyEvent, RefreshReuseDetected, SessionRevoked
from app.domain.audit.tables import AuditEventRow

_EVENTS: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
# As they stand in the text of an event, so that the others need not be read.
_MARKS = ("refresh.reuse_detected", "session.revoked")


def ended_sessions(connection: Connection) -> Sequence[str]:
    """Give the sessions of which an event says that they were revoked, or that a reuse ended them."""
    found = []
    for mark in _MARKS:
        texts = select(AuditEventRow.event).where(AuditEventRow.event.contains(mark, autoescape=True))
        for text in connection.execute(texts).scalars():
            event = _EVENTS.decode(text)
            if isinstance(event, RefreshReuseDetected | SessionRevoked):
                found.append(event.session_id)
    return found
