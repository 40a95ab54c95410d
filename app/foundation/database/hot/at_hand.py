"""
Connections of the pool that are at hand for single statements: nobody else uses them, and the pool need not be asked.

To take a connection from SQLAlchemy's pool and to give it back costs a third of what the statement does.
"""

from typing import Any

from sqlalchemy import Engine, QueuePool

from app.foundation.database.hot.direct import Direct, direct


class AtHand:
    """
    Keeps connections back that were used for single statements, as long as the pool has others left.

    So nobody waits for one that is kept: whoever finds the pool empty is given what comes back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # To add and to take away are one step each, whichever thread does it.
        self._kept: list[Direct] = []

    def __len__(self) -> int:
        """Tell how many are kept now."""
        return len(self._kept)

    def take(self) -> Direct:
        """Give a connection that works, as far as can be told without asking the server; raises what the pool does."""
        kept = self._next()
        if kept is not None and kept.is_open():
            return kept
        if kept is not None:
            # The pool finds out, and opens another one.
            kept.proxy.close()
        proxy = self._engine.raw_connection()
        try:
            return direct(self._engine, proxy)
        except self._engine.dialect.loaded_dbapi.Error:
            # It ended since the pool looked at it.
            proxy.invalidate()
            raise

    def give_back(self, used: Direct) -> None:
        """Keep a connection on which nothing went wrong, or give it back to the pool."""
        if not self._has_others():
            used.proxy.close()
            return
        self._kept.append(used)
        # Another thread may have taken the last one of the others meanwhile, and the next one would wait.
        if not self._has_others():
            self.let_go()

    def let_go(self) -> None:
        """Give one back to the pool, for a transaction that begins."""
        kept = self._next()
        if kept is not None:
            kept.proxy.close()

    def close(self) -> None:
        """Give all of them back to the pool."""
        while (kept := self._next()) is not None:
            kept.proxy.close()

    def _has_others(self) -> bool:
        pool: Any = self._engine.pool
        return isinstance(pool, QueuePool) and pool.checkedout() < pool.size()

    def _next(self) -> Direct | None:
        try:
            return self._kept.pop()
        except IndexError:
            return None
