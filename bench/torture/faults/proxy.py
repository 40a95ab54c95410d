"""A TCP proxy that stalls, cuts, and drops answers, between clients and server or between server and database."""

import asyncio
import contextlib
import random
import threading
from typing import Literal

Way = tuple[str, int] | str
Mode = Literal["pass", "stall", "drop_answers", "cut"]
_CHUNK = 65536
_BREATH_SECONDS = 0.01
_START_SECONDS = 10


class Proxy:
    """
    Listens on a port of this machine and passes on to an address, or to the path of a Unix socket.

    `mode` may be changed at any time. `share` is how many of the connections are struck, by lot.
    """

    def __init__(self, port: int, to: Way, seed: str) -> None:
        self.mode: Mode = "pass"
        self.share = 1.0
        self.port = port
        self._to = to
        self._chance = random.Random(seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Proxy":
        """Listen."""
        self._thread.start()
        self._ready.wait(_START_SECONDS)
        return self

    def stop(self) -> None:
        """Hang up, and listen no longer."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)

    def cut(self) -> None:
        """Reset every connection that is open now."""
        self._loop.call_soon_threadsafe(self._abort_all)

    def _abort_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._abort_all()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        struck = self._chance.random()
        if self.mode == "cut" and struck < self.share:
            writer.transport.abort()
            return
        try:
            there, onward = await self._connect()
        except OSError:
            # As whoever is not there answers.
            writer.transport.abort()
            return
        ends = {writer, onward}
        self._open |= ends
        try:
            await asyncio.gather(
                self._pump(reader, onward, struck, answers=False), self._pump(there, writer, struck, answers=True)
            )
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._to, str):
            return await asyncio.open_unix_connection(self._to)
        return await asyncio.open_connection(*self._to)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, struck: float, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                while self.mode == "stall" and struck < self.share:  # noqa: ASYNC110  another thread changes it
                    await asyncio.sleep(_BREATH_SECONDS)
                if answers and self.mode == "drop_answers" and struck < self.share:
                    break
                writer.write(data)
                await writer.drain()
        # Half-closed connections are for nobody here: one end is gone, so is the other.
        writer.close()
