"""Servers in processes of their own, which write their log to a file, as under a supervisor."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

ROOT = Path(__file__).resolve().parents[3]
_START_SECONDS = 60
_STOP_SECONDS = 20


@contextlib.contextmanager
def running(command: Sequence[str], port: int, environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run a command that serves on a port until the block ends, and give its process id; it listens by then."""
    # This checkout, whatever the virtual environment is linked to; and no setting that lies about.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=clean | {"PYTHONPATH": str(ROOT), **environment}, stdout=output, stderr=output
        )
    try:
        _wait(process, port, log)
        yield process.pid
    finally:
        _stop(process)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        threading.Event().wait(0.05)
    told = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} did not begin to serve: {told}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    family = [process, *_descendants(process.pid)]
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for each in family:
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                each.kill()
        process.wait()


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []
