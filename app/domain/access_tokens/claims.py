"""
What an access token says.

Source: RFC 9068 section 2.2; `sid` after OpenID Connect Front-Channel Logout 1.0 section 3.
"""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

TYPE = "at+jwt"


class AccessClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    The claims of an access token; times are NumericDates in whole seconds.

    `sid` names the session whose revocation ends the token, `key_id` the API key that opened it, if one did.
    With `room_id` the token works in that room only. A participant's says who they are there; `sub` is then theirs.
    `mode` stands in tokens of test keys, which must never reach live data; with any other value it is none of ours.
    """

    iss: str
    aud: str
    sub: str
    client_id: str
    iat: int
    exp: int
    jti: str
    scope: str
    sid: str
    tenant_id: str
    key_id: str | None = None
    room_id: str | None = None
    participant_id: str | None = None
    role: str | None = None
    display_name: str | None = None
    mode: Literal["test"] | UnsetType = UNSET


def lifetime(now: datetime, ttl_seconds: int, session_ends_at: datetime) -> tuple[int, int]:
    """Give `iat` and `exp`: the configured life, but not past the end of the session, to the second."""
    issued = int(now.timestamp())
    return issued, min(issued + ttl_seconds, int(session_ends_at.timestamp()))
