"""What was asked, when, and what came of it; and what was done to the servers meanwhile."""

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["ok", "refused", "unknown"]
Role = Literal["honest", "thief", "admin", "probe"]
Kind = Literal[
    "issue", "refresh", "revoke", "introspect", "rotate_key", "new_key", "suspend", "resume", "verify", "get", "use"
]


@dataclass(frozen=True)
class Operation:
    """
    One request and its answer, or what is known of it; moments in seconds since the run began.

    Args:
        client: who sent it.
        session: the session that it concerns, by a name of the harness; empty when none.
        tenant: whose it is, by a name of the harness.
        presented: the refresh token, or for `issue` and `rotate_key` the API key, that was shown.
        key: the Idempotency-Key.
        outcome: `unknown` when no answer came, or one that does not tell whether it was done (5xx).
        child: the refresh token that came back; for `rotate_key` the new key.
        access: the access token that came back, or that was shown.
        active: what introspection said.
        host: which of the servers was asked.
    """

    client: str
    role: Role
    kind: Kind
    invoked: float
    returned: float
    outcome: Outcome
    session: str = ""
    tenant: str = ""
    presented: str = ""
    key: str | None = None
    status: int | None = None
    error: str = ""
    retry_after: bool = False
    child: str = ""
    access: str = ""
    active: bool | None = None
    host: str = ""
    what: str = ""


@dataclass(frozen=True)
class Disturbance:
    """
    A fault, from its beginning until all was as before.

    Args:
        away: what could not be relied on meanwhile: `database`, the name of a host, or nothing.
        hangs: it did not answer, rather than being gone, so that whoever asks it waits.
        recovered_after: seconds from the end of the fault until service was back, where that was measured.
    """

    name: str
    detail: str
    began: float
    ended: float
    away: str = ""
    hangs: bool = False
    recovered_after: float | None = None


class History:
    """Collects what many threads do."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._operations: list[Operation] = []
        self._disturbances: list[Disturbance] = []

    def now(self) -> float:
        """Give the seconds since the run began; no step of the machine's clock touches them."""
        return time.monotonic() - self._began

    def add(self, operation: Operation) -> None:
        """Write down what was asked and answered."""
        with self._lock:
            self._operations.append(operation)

    def disturbed(self, disturbance: Disturbance) -> None:
        """Write down a fault that is over."""
        with self._lock:
            self._disturbances.append(disturbance)

    @property
    def operations(self) -> Sequence[Operation]:
        """Give all of it, in the order in which it was sent."""
        with self._lock:
            return sorted(self._operations, key=lambda each: each.invoked)

    @property
    def disturbances(self) -> Sequence[Disturbance]:
        """Give the faults, in their order."""
        with self._lock:
            return sorted(self._disturbances, key=lambda each: each.began)

    def as_lines(self) -> list[dict[str, Any]]:
        """Give all of it as plain values, to be kept as evidence: tokens and keys by a fingerprint."""
        told = [*self.operations, *self.disturbances]
        values = [{name: value for name, value in vars(each).items() if value not in ("", None)} for each in told]
        return [{name: _kept(name, value) for name, value in each.items()} for each in values]


def _kept(name: str, value: Any) -> Any:
    return hashlib.sha256(value.encode()).hexdigest()[:16] if name in {"presented", "child", "access"} else value
