"""
A model of families, written from the table of CONTRACT 5 alone, and not from the code that it judges.

Read where the table leaves room: what has ended is judged first; a spent token that is past its own expiry is still a
reuse while its family lives; the row's idle time does not stop healing, the token's own expiry does; a clock that
was put back since a rotation is inside its window.
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

IDLE = timedelta(minutes=10)
ABSOLUTE = timedelta(minutes=30)

# What the client gets, and what the operator is told.
SEEN_AS: dict[str, tuple[bool, list[str]]] = {
    "rotated": (True, []),
    "retried": (True, ["refresh.retried"]),
    "healed": (True, ["refresh.healed"]),
    "duplicate": (False, ["refresh.duplicate"]),
    "reused": (False, ["refresh.reuse_detected"]),
    "refused": (False, []),
}


@dataclass(frozen=True)
class Token:
    """A refresh token that a client was once given."""

    text: str
    generation: int
    expires_at: int


@dataclass
class Row:
    """A family as the model's database holds it; a restore puts an earlier one back."""

    living: Token
    rotated_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime
    keys: tuple[str | None, ...] = ()
    revoked: bool = False

    def answer(self, token: Token, key: str | None, now: datetime, window: int) -> str:
        """Read the table, from top to bottom, the states that end everything first."""
        behind = self.living.generation - token.generation
        if self.revoked or now >= self.absolute_expires_at:
            return "refused"
        if behind < 0:
            return "healed" if now.timestamp() < token.expires_at else "refused"
        if now >= self.idle_expires_at:
            return "refused"
        if behind == 0:
            return "rotated"

        inside = window > 0 and now - self.rotated_at <= timedelta(seconds=window)
        if behind == 1 and (inside or (key is not None and key == self.keys[0])):
            return "retried"
        return "duplicate" if behind > 1 and key is not None and key in self.keys[:4] else "reused"


@dataclass
class Session:
    """A family, all that was ever seen of it, and the states that a restore may bring back."""

    id: str
    row: Row
    seen: list[Token]
    access_token: str
    past: list[tuple[Row, dict[str, Any]]] = field(default_factory=list)
    children: dict[Token, str] = field(default_factory=dict)
    restored: bool = False


def claims_of(token: str) -> dict[str, Any]:
    """Take a token apart without asking who signed it."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
