"""A reply is remembered, so that whoever lost it gets the same one again and nothing is done twice."""

from app.domain.idempotency.replies import (
    BEGUN,
    Asked,
    Found,
    OtherRequest,
    Reply,
    find,
    find_for_retired,
    forget,
    forget_of_retired,
    line_up,
    remember,
)

__all__ = [
    "BEGUN",
    "Asked",
    "Found",
    "OtherRequest",
    "Reply",
    "find",
    "find_for_retired",
    "forget",
    "forget_of_retired",
    "line_up",
    "remember",
]
