"""One server of ours: its main process and workers, and a supervisor that starts it again when it ends."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

_START_SECONDS = 60
_LOOK_EVERY_SECONDS = 0.01
_ROOT = Path(__file__).resolve().parents[3]


class Process:
    """
    `chalk-auth serve` on a port.

    Its supervisor does what systemd does with `Restart=always`: a server that ended by itself is started again.
    """

    def __init__(self, port: int, workers: int, environment: Mapping[str, str], log: Path) -> None:
        self.port = port
        self.workers = workers
        self.restarts = 0
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    def start(self) -> None:
        """Start it, and its supervisor; all workers serve when this returns."""
        self._spawn()
        self._wanted = True
        self._supervisor.start()
        self.wait_until_up()

    def stop(self) -> None:
        """Stop it for good."""
        self._wanted = False
        self._over.set()
        with self._lock:
            if self._process is not None:
                _end(self._process)

    def restart(self) -> None:
        """End it in its own good time, and start it again."""
        with self._lock:
            assert self._process is not None
            _end(self._process)
            self._spawn()
        self.wait_until_up()

    def living(self) -> list[psutil.Process]:
        """List the workers that serve."""
        with contextlib.suppress(psutil.Error):
            if self._process is not None:
                return [each for each in psutil.Process(self._process.pid).children() if _serves(each)]
        return []

    def kill(self) -> None:
        """Kill the main process and all workers."""
        with self._lock:
            workers = self.living()
            if self._process is not None:
                self._process.kill()
            for each in workers:
                with contextlib.suppress(psutil.Error):
                    each.kill()

    def wait_until_up(self, gone: frozenset[int] = frozenset()) -> float:
        """Wait until so many workers serve as shall, none of them one of `gone`; gives the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() < began + _START_SECONDS:
            if sum(each.pid not in gone for each in self.living()) >= self.workers:
                return time.monotonic() - began
            self._over.wait(_LOOK_EVERY_SECONDS)
            if self._over.is_set():
                break
        raise RuntimeError(f"the server on port {self.port} did not come up: see {self._log}")

    def _spawn(self) -> None:
        command = [sys.executable, "-m", "bench.torture.hosts.clocked", "serve"]
        command += ["--port", str(self.port), "--workers", str(self.workers)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, env=clean | dict(self._environment), stdout=log, stderr=log
            )

    def _supervise(self) -> None:
        while not self._over.wait(_LOOK_EVERY_SECONDS):
            with self._lock:
                if self._wanted and self._process is not None and self._process.poll() is not None:
                    self.restarts += 1
                    self._spawn()


def _serves(child: psutil.Process) -> bool:
    # All have the socket from their birth. While a worker loads, it has the thread that does and the one that looks
    # whether the main process lives; when it serves, others besides.
    with contextlib.suppress(psutil.Error):
        return bool(child.num_threads() > 2)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for each in children:
        with contextlib.suppress(psutil.Error):
            each.kill()


def until(condition: Callable[[], bool], seconds: float) -> float | None:
    """Look until it is so; gives the seconds that it took, None when it was never so."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        if condition():
            return time.monotonic() - began
        threading.Event().wait(_LOOK_EVERY_SECONDS)
    return None
