"""A reply is remembered, so that whoever lost it gets the same one again and nothing is done twice."""

from app.domain.idempotency.replies import (
    Asked,
    Found,
    OtherRequest,
    Reply,
    Sealed,
    find,
    find_for_retired,
    forget,
    forget_of_retired,
    remember,
)

__all__ = [
    "Asked",
    "Found",
    "OtherRequest",
    "Reply",
    "Sealed",
    "find",
    "find_for_retired",
    "forget",
    "forget_of_retired",
    "remember",
]
