"""
A PostgreSQL that neither answers nor hangs up, stopped or cut off: noticed soon, and waited for by nobody.

Its own timeouts do not help then, since it is the server that keeps them, and TCP does not mind a peer that is silent.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
from psycopg.waiting import Ready, Wait
from sqlalchemy import Engine, event

_LOG = logging.getLogger(__name__)

# So long nothing is thought of a statement that takes its time. Then, and every so often, it is asked whether the
# server answers anybody.
FIRST_LOOK_SECONDS = 1.0
LOOK_EVERY_SECONDS = 3.0
_PROBE_SECONDS = 2
_CONNECT_SECONDS = 3
_PROBE_EVERY_SECONDS = 0.5
# The server's own timeouts come first, where it keeps them.
_GRACE_SECONDS = 1.0

Result = TypeVar("Result")


class SilentError(psycopg.OperationalError):
    """The server does not answer."""


class Silence:
    """
    Whether the server is known to be silent. While it is, nobody asks it but a thread that looks whether it is back.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._probe: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def watch(self, engine: Engine) -> None:
        """Watch every connection that an engine opens."""
        event.listen(engine, "do_connect", self._connect)

    def must_not_be(self) -> None:
        """
        Refuse what would wait in vain.

        Raises:
            SilentError: the server is known not to answer.
        """
        if self.is_on:
            raise SilentError("it is silent, and not asked before it answers again")

    def look(self) -> None:
        """
        Ask whether the server answers anybody, unless somebody is asking already.

        Raises:
            SilentError: it does not.
        """
        self.must_not_be()
        if self._lock.acquire(blocking=False):
            try:
                answers = self._answers()
            finally:
                self._lock.release()
            if not answers:
                self._begin()
                self.must_not_be()

    def _connect(self, _dialect: Any, _record: Any, places: list[Any], options: dict[str, Any]) -> Any:
        patience_seconds = int(options["connect_timeout"])
        how = options | {"connect_timeout": min(patience_seconds, _CONNECT_SECONDS)}
        self._probe = lambda: _ask(places, options | {"connect_timeout": _PROBE_SECONDS})
        try:
            connection = WatchedConnection.connect(*places, **how)
        except psycopg.errors.ConnectionTimeout:
            self._begin()
            raise
        connection.watch(self, patience_seconds + _GRACE_SECONDS)
        return connection

    def _answers(self) -> bool:
        try:
            self._probe()
        except (SilentError, psycopg.errors.ConnectionTimeout):
            return False
        except psycopg.Error:
            # To refuse is an answer, too.
            return True
        return True

    def _begin(self) -> None:
        with self._lock:
            if self.is_on:
                return
            self.is_on = True
        _LOG.error("the database is silent: requests are refused until it answers")
        threading.Thread(target=self._listen, name="silence", daemon=True).start()

    def _listen(self) -> None:
        pause = threading.Event()
        while not self._answers():
            pause.wait(_PROBE_EVERY_SECONDS)
        self.is_on = False
        _LOG.warning("the database answers again")


class WatchedConnection(psycopg.Connection[Any]):
    """A connection whose statements are given up when the server is silent."""

    _silence: Silence | None = None
    _patience_seconds = float(_PROBE_SECONDS)

    def watch(self, silence: Silence, patience_seconds: float) -> None:
        """Look, while a statement waits, whether the server answers anybody; give it up after so long in any case."""
        self._silence, self._patience_seconds = silence, patience_seconds

    def wait(self, gen: Generator[Wait, Ready | int, Result], *args: Any, **options: Any) -> Result:
        """Wait for an answer, but not for ever."""
        return super().wait(self._impatient(gen), *args, **options)

    def _impatient(self, gen: Generator[Wait, Ready | int, Result]) -> Generator[Wait, Ready | int, Result]:
        began = time.monotonic()
        look_at = began + FIRST_LOOK_SECONDS
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() >= look_at:
                    self.look(began)
                    look_at = min(time.monotonic() + LOOK_EVERY_SECONDS, began + self._patience_seconds)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result

    def look(self, began: float) -> None:
        """
        See whether the server answers anybody, and how long a statement has been waiting that began then.

        Raises:
            SilentError: it does not, or it took too long; the connection is closed.
        """
        try:
            if self._silence is not None:
                self._silence.look()
            if time.monotonic() >= began + self._patience_seconds:
                raise SilentError("it did not answer in time")
        except SilentError:
            # Whatever comes on it later would be taken for the answer to something else.
            self.pgconn.finish()
            raise


def _ask(places: list[Any], how: dict[str, Any]) -> None:
    with WatchedConnection.connect(*places, **how) as connection:
        connection.execute("SELECT 1")
