"""A refresh token keeps a session alive; every use replaces it, and a spent one that comes back ends the session."""

from app.domain.refresh_tokens.families import (
    end_all_of_client_keys,
    end_all_of_key,
    end_all_of_room,
    end_all_of_tenant,
    find,
    living,
    revoke,
    start,
)
from app.domain.refresh_tokens.family import TAG_LENGTH, Family, NewFamily, Policy
from app.domain.refresh_tokens.format import SESSION_PREFIX, PresentedToken, RefreshKeys, parse, session_name, successor
from app.domain.refresh_tokens.outcomes import (
    Duplicate,
    Ended,
    Healed,
    Retried,
    Reused,
    Rotated,
    RotateOutcome,
    Unknown,
)
from app.domain.refresh_tokens.rotation import Attempt, advance, settle

__all__ = [
    "SESSION_PREFIX",
    "TAG_LENGTH",
    "Attempt",
    "Duplicate",
    "Ended",
    "Family",
    "Healed",
    "NewFamily",
    "Policy",
    "PresentedToken",
    "RefreshKeys",
    "Retried",
    "Reused",
    "RotateOutcome",
    "Rotated",
    "Unknown",
    "advance",
    "end_all_of_client_keys",
    "end_all_of_key",
    "end_all_of_room",
    "end_all_of_tenant",
    "find",
    "living",
    "parse",
    "revoke",
    "session_name",
    "settle",
    "start",
    "successor",
]
