"""When all is quiet: every question gets its answer, every leaf is tried, and what was spent is replayed once more."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.torture.checking import sessions_of
from bench.torture.clients.honest import Habits, Honest
from bench.torture.clients.requests import Requests
from bench.torture.clients.sessions import Pool, Session

_THREADS = 6
_MOST_TRIES = 50
_AGAIN_SECONDS = 0.1


class Rest:
    """The end of a run."""

    def __init__(self, owner: Requests, thief: Requests, pool: Pool, *, with_key: bool) -> None:
        self._owner = Honest(owner, pool, Habits(with_key=with_key, twice=0, late=0))
        self._requests = owner
        self._thief = thief
        self._pool = pool

    def look(self, restart: Callable[[], None] | None) -> list[str]:
        """Do all of it; gives the names of the honest sessions that are lost."""
        _each(self._go_on, self._held())
        self._try_other_leaves()
        if restart is not None:
            restart()
        _each(self._go_on, self._held())
        honest = [each for each in self._pool.all if each.fate == "honest" and each.token]
        lost = [each.name for each in honest if each.over]
        _each(self._replay, [each for each in honest if not each.over])
        return lost

    def _held(self) -> list[Session]:
        return self._pool.living("honest", "contested", "ending")

    def _go_on(self, session: Session) -> None:
        for _ in range(_MOST_TRIES):
            before = session.token
            self._owner.step(session)
            if session.over or session.token != before:
                return
            threading.Event().wait(_AGAIN_SECONDS)

    def _try_other_leaves(self) -> None:
        # A right server has given none: these are what the other receiver of two different answers holds.
        by_name = {each.name: each for each in self._pool.all}
        for history in sessions_of(self._requests.history.operations):
            session = by_name.get(history.name)
            for children in history.children.values():
                for child in children if session and len(children) > 1 else ():
                    if session is not None and child not in history.shown:
                        self._requests.refresh(session, child, None)

    def _replay(self, session: Session) -> None:
        # One of long ago still counts, whatever was restarted; and the session ends by it.
        if len(session.seen) < 3:
            return
        self._thief.refresh(session, self._thief.chance.choice(session.seen[:-2]), None)
        self._thief.refresh(session, session.seen[-1], None)
        if self._thief.target.hosts[0].introspect:
            self._thief.introspect(session, session.accesses[-1])


def _each(do: Callable[[Session], None], sessions: Sequence[Session]) -> None:
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(do, sessions))
