"""Who may bring whom into a room, and the session that comes of it."""

from app.flows.steps.admissions.authority import (
    Authority,
    Entered,
    authority_of_caller,
    authority_of_key,
    enter,
    must_rank,
)
from app.flows.steps.admissions.opening import Opened, Wanted, member, names, open_session, regrade

__all__ = [
    "Authority",
    "Entered",
    "Opened",
    "Wanted",
    "authority_of_caller",
    "authority_of_key",
    "enter",
    "member",
    "must_rank",
    "names",
    "open_session",
    "regrade",
]
