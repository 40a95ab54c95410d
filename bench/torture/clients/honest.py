"""Honest clients: one Idempotency-Key a refresh, the same request again when no answer came, late duplicates."""

import threading
import uuid
from dataclasses import dataclass

from bench.torture.clients.requests import Requests
from bench.torture.clients.sessions import Pool, Session
from bench.torture.history import Operation

_BREATH_SECONDS = 0.01


@dataclass(frozen=True)
class Habits:
    """
    How honest clients behave.

    Args:
        with_key: they send an Idempotency-Key.
        rest_seconds: from one refresh of a session to the next. A request that hangs somewhere must arrive before four
            rotations went by, as it does where sessions are refreshed by the hour.
        again_seconds: until the same request is sent once more when no answer came.
        twice: how often a request is sent twice at once, as by a network that repeats; 0 to 1.
        late: how often a copy of a request arrives some rotations later; 0 to 1. By key only.
    """

    with_key: bool = True
    rest_seconds: float = 3.0
    again_seconds: float = 0.3
    twice: float = 0.15
    late: float = 0.1


class Honest:
    """One of the clients that share a pool of sessions."""

    def __init__(self, requests: Requests, pool: Pool, habits: Habits) -> None:
        self.over = threading.Event()
        self.problems: list[str] = []
        self._requests = requests
        self._pool = pool
        self._habits = habits

    def run(self) -> None:
        """Refresh whatever is due, until it is over."""
        while not self.over.is_set():
            session = self._pool.take(self._requests.history.now())
            if session is None:
                self.over.wait(_BREATH_SECONDS)
                continue
            pause = self.step(session)
            if pause is not None:
                self._pool.wait(session, self._requests.history.now() + pause)

    def step(self, session: Session) -> float | None:
        """Do the next thing with a session; gives how long it rests after that, None when another takes its place."""
        habits, chance = self._habits, self._requests.chance
        if session.over:
            self._pool.wait(self._pool.open(session.fate, session.client), self._requests.history.now())
            return None
        if not session.token:
            return habits.rest_seconds * chance.random() if self.open(session) else habits.again_seconds
        self._send_late(session)
        if not session.asked:
            session.pending = str(uuid.UUID(int=chance.getrandbits(128), version=4)) if habits.with_key else None
            session.asked = True
        answered = self.ask(session)
        if answered is None:
            return habits.again_seconds
        self.take(session, answered)
        return habits.rest_seconds * chance.uniform(0.8, 1.2)

    def open(self, session: Session) -> bool:
        """Open a session; tells whether it was."""
        issued = self._requests.issue(session)
        if issued.outcome != "ok" or not issued.child:
            return False
        session.token, session.access = issued.child, issued.access
        session.seen.append(issued.child)
        session.accesses.append(issued.access)
        return True

    def ask(self, session: Session) -> Operation | None:
        """Send what a session has to ask, now and then twice; None when no answer settles it."""
        token, key = session.token, session.pending
        copies: list[Operation] = []
        if self._requests.chance.random() < self._habits.twice:
            second = threading.Thread(target=lambda: copies.append(self._requests.refresh(session, token, key)))
            second.start()
            copies.append(self._requests.refresh(session, token, key))
            second.join()
        else:
            copies.append(self._requests.refresh(session, token, key))
        if key and self._requests.chance.random() < self._habits.late:
            session.late.append((token, key, self._requests.chance.randint(1, 3)))
        # Of two answers the first is taken, as a client does that reads one of them.
        settled = [each for each in copies if each.outcome == "ok" or each.error == "invalid_grant"]
        return min(settled, key=lambda each: (each.outcome != "ok", each.returned), default=None)

    def _send_late(self, session: Session) -> None:
        due = [each for each in session.late if each[2] <= 0]
        session.late = [each for each in session.late if each[2] > 0]
        for token, key, _ in due:
            self._requests.refresh(session, token, key)

    def take(self, session: Session, answered: Operation) -> None:
        """Go on with an answer."""
        session.asked, session.pending = False, None
        if answered.outcome != "ok":
            session.over = True
            return
        # A server that does not rotate gives none: then the same one is presented again, and the checker says so.
        session.token, session.access = answered.child or session.token, answered.access
        session.seen.append(session.token)
        session.accesses.append(answered.access)
        session.late = [(token, key, after - 1) for token, key, after in session.late]
