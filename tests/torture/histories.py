"""Histories made by hand, for the checker to judge: one line an operation."""

from typing import Any

from bench.torture.history import Operation

SESSION = {"session": "A", "tenant": "steady"}


def issue(at: float, child: str, **more: Any) -> Operation:
    """Open the session."""
    return operation("issue", at, child=child, **more)


def refresh(at: float, presented: str, child: str = "", **more: Any) -> Operation:
    """Present a token; without a successor it is refused, unless said otherwise."""
    refused = {} if child else {"outcome": "refused", "status": 400, "error": "invalid_grant"}
    return operation("refresh", at, **{"presented": presented, "child": child, **refused, **more})


def lost(at: float, presented: str, **more: Any) -> Operation:
    """Present a token, and never hear of it."""
    return operation("refresh", at, presented=presented, outcome="unknown", status=None, **more)


def stolen(at: float, presented: str, child: str = "", **more: Any) -> Operation:
    """Present a token as a thief does."""
    return refresh(at, presented, child, client="thief", role="thief", **more)


def operation(kind: Any, at: float, **more: Any) -> Operation:
    """Make an operation that took a tenth of a second."""
    usual = {"client": "owner", "role": "honest", "outcome": "ok", "status": 200, "returned": at + 0.1, **SESSION}
    return Operation(kind=kind, invoked=at, **{**usual, **more})
