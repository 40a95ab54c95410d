"""The history of one session, laid out so that each rule is one walk along it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bench.torture.history import Operation

NEVER = float("inf")


@dataclass(frozen=True)
class Promises:
    """
    What the server has promised.

    Args:
        mode: how a lost answer is made good: by `key` (Idempotency-Key), within a `window`, or not at all (`strict`).
        window_seconds: the length of that window.
        slack_seconds: how far clocks and deliveries may be off; what is nearer to the window's end is not judged.
    """

    mode: Literal["key", "window", "strict"] = "key"
    window_seconds: float = 0.0
    slack_seconds: float = 1.0


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, in which session, and the operations that show it."""

    rule: str
    session: str
    why: str
    operations: Sequence[Operation]


class SessionHistory:
    """All operations of one session, in the order in which they were sent; built once, read by every rule."""

    def __init__(self, name: str, operations: Sequence[Operation], tenant_ends: Sequence[Operation]) -> None:
        self.name = name
        self.operations = operations
        self.refreshes = [each for each in operations if each.kind == "refresh"]
        self._tenant_ends = tenant_ends

    @cached_property
    def issued(self) -> Operation | None:
        """Give the operation that opened it."""
        return next((each for each in self.operations if each.kind == "issue" and each.outcome == "ok"), None)

    @cached_property
    def children(self) -> dict[str, dict[str, Operation]]:
        """Give the successors that were acknowledged, by parent, each with the operation that brought it first."""
        found: dict[str, dict[str, Operation]] = defaultdict(dict)
        for each in sorted(self.refreshes, key=lambda each: each.returned):
            if each.outcome == "ok":
                found[each.presented].setdefault(each.child, each)
        return found

    @cached_property
    def born(self) -> dict[str, float]:
        """Give the moment at which each token was acknowledged."""
        found = {self.issued.child: self.issued.returned} if self.issued else {}
        for of_parent in self.children.values():
            for child, operation in of_parent.items():
                found.setdefault(child, operation.returned)
        return found

    @cached_property
    def shown(self) -> dict[str, list[Operation]]:
        """Give the refreshes that presented each token, in the order in which they were sent."""
        found: dict[str, list[Operation]] = defaultdict(list)
        for each in self.refreshes:
            found[each.presented].append(each)
        return found

    @cached_property
    def accepted_at(self) -> dict[str, float]:
        """Give the moment at which it was first acknowledged that a token was accepted, and so spent."""
        return {parent: min(each.returned for each in found.values()) for parent, found in self.children.items()}

    @cached_property
    def ends(self) -> list[Operation]:
        """Give what ends this session on purpose: a revocation, or a suspension of its tenant that came after it."""
        revoked = [each for each in self.operations if each.kind == "revoke"]
        begun = NEVER if self.issued is None else self.issued.returned
        # One whose answer was lost may still come to pass, whenever it was sent.
        return revoked + [each for each in self._tenant_ends if each.outcome == "unknown" or begun <= each.returned]

    def child_shown_at(self, token: str) -> float:
        """Give the moment from which a successor of this token may have been in use."""
        shown = [self.shown[child][0].invoked for child in self.children.get(token, {}) if child in self.shown]
        return min(shown, default=NEVER)

    def child_accepted_at(self, token: str) -> float:
        """Give the moment at which a successor of this token was known to be spent itself."""
        return min((self.accepted_at.get(child, NEVER) for child in self.children.get(token, {})), default=NEVER)


def is_protected(session: SessionHistory, operation: Operation, promises: Promises) -> bool:
    """
    Tell whether a token that is shown once more is shown as the promises allow, so that it may not do harm.

    By key: every other request with this token carried the same one. By window: it was answered before the window of
    the earliest request could be over, and the successor was not in use.
    """
    others = [each for each in session.shown[operation.presented] if each is not operation]
    if promises.mode == "key":
        return operation.key is not None and all(each.key == operation.key for each in others)
    if promises.mode == "window":
        earliest = min(each.invoked for each in session.shown[operation.presented])
        in_time = operation.returned <= earliest + promises.window_seconds - promises.slack_seconds
        return in_time and session.child_shown_at(operation.presented) > operation.returned
    return False


def is_dead(session: SessionHistory, operation: Operation, promises: Promises) -> bool:
    """
    Tell whether the token that is shown was spent for certain, and nothing excuses that it is shown again.

    An answer to another request must have said so before this one was sent.
    """
    token, since = operation.presented, operation.invoked
    if session.accepted_at.get(token, NEVER) >= since:
        return False
    if session.child_accepted_at(token) < since:
        return True
    if promises.mode == "key":
        spent_by = {each.key for each in session.shown[token] if each.outcome != "refused" and each.invoked < since}
        return operation.key is None or operation.key not in spent_by
    return promises.mode == "strict"


def is_reuse(session: SessionHistory, operation: Operation, promises: Promises) -> bool:
    """Tell whether a refusal says that a reuse was detected: dead, and not a late duplicate by its key."""
    if operation.outcome != "refused" or operation.error != "invalid_grant":
        return False
    if not is_dead(session, operation, promises):
        return False
    keys = {each.key for each in session.shown[operation.presented] if each.outcome == "ok"}
    return promises.mode != "key" or operation.key is None or operation.key not in keys


def endable_from(session: SessionHistory, promises: Promises) -> float:
    """Give the moment from which the session may rightly be over: whatever ends it may have arrived."""
    ends = [each.invoked for each in session.ends if each.outcome != "refused"]
    for operations in session.shown.values():
        # Which of two that present one token the server saw first, nobody knows.
        ends += [each.invoked for each in operations[1:] if not is_protected(session, each, promises)]
    return min(ends, default=NEVER)
