"""The sessions of a run, and what each of the clients knows of them."""

import heapq
import itertools
import threading
from dataclasses import dataclass, field
from typing import Literal

from bench.torture.clients.target import Credential

# `honest`: nobody but its owner touches it. `contested`: thieves know its tokens, and admins revoke it.
# `ending`: its tenant is suspended now and then.
Fate = Literal["honest", "contested", "ending"]


@dataclass
class Session:
    """
    One session.

    Args:
        token: the refresh token that the owner holds.
        seen: every refresh token that ever stood in an answer, the oldest first.
        pending: the Idempotency-Key of a request that was not answered yet; None when there is none.
        asked: there is a request that was not answered yet.
        late: duplicates that are still on their way: token, key, and after how many more rotations they arrive.
    """

    name: str
    fate: Fate
    client: Credential
    token: str = ""
    access: str = ""
    seen: list[str] = field(default_factory=list)
    accesses: list[str] = field(default_factory=list)
    pending: str | None = None
    asked: bool = False
    over: bool = False
    late: list[tuple[str, str | None, int]] = field(default_factory=list)


class Pool:
    """Sessions that wait for their next refresh; the one that is due first comes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, Session]] = []
        self._numbers = itertools.count(1)
        self.all: list[Session] = []

    def open(self, fate: Fate, client: Credential) -> Session:
        """Name a new session."""
        with self._lock:
            session = Session(f"{fate}-{next(self._numbers)}", fate, client)
            self.all.append(session)
            return session

    def wait(self, session: Session, due: float) -> None:
        """Let a session be worked on from this moment on."""
        with self._lock:
            heapq.heappush(self._waiting, (due, next(self._numbers), session))

    def take(self, now: float) -> Session | None:
        """Give the session that is due, to one caller only; None when none is."""
        with self._lock:
            if not self._waiting or self._waiting[0][0] > now:
                return None
            return heapq.heappop(self._waiting)[2]

    def living(self, *fates: Fate) -> list[Session]:
        """List the sessions of these fates that their owners have not given up."""
        with self._lock:
            return [each for each in self.all if each.fate in fates and each.token and not each.over]
