"""Processor time as the benches count it, against what processes say of themselves."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from bench.requests.measuring.accounts import at_rest, between, spent

SECONDS = 0.15
# What a process does besides: it starts, prints, and is looked at. And the accounts of those that ended have ticks.
OFF = 0.03
BURN = f"""
import time
def burn():
    end = time.thread_time() + {SECONDS}
    while time.thread_time() < end:
        pass
"""
# Each waits to be told, burns in its own way, and waits until it was looked at.
FRAME = """
import sys
print("ready", flush=True); sys.stdin.readline()
{way}
print("burnt", flush=True); sys.stdin.readline()
"""
ITSELF = "burn()"
THREADS_THAT_END = """
from threading import Thread
for _ in range(2):
    each = Thread(target=burn); each.start(); each.join()
"""
CHILD_THAT_ENDS = "import subprocess; subprocess.run([sys.executable, '-c', sys.argv[1] + 'burn()'])"
CHILD_THAT_LIVES = """
import subprocess
child = subprocess.Popen([sys.executable, '-c', sys.argv[1] + 'burn(); print(1, flush=True); input()'],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
"""


class Burning:
    """A process that burns a known time when it is told to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid
        self._hear()

    def burn(self) -> None:
        """Have it burn; it is over when this returns."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        self._hear()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline()


@contextlib.contextmanager
def burning(way: str) -> Iterator[Burning]:
    """Run such a process until the block ends."""
    command = [sys.executable, "-c", BURN + FRAME.format(way=way), BURN]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Burning(process)
    finally:
        process.communicate("\n\n")


def burnt(way: str) -> float:
    """Give the seconds that are counted while a process burns."""
    with burning(way) as process:
        before = at_rest({"it": process.pid})
        process.burn()
        return between(before, at_rest({"it": process.pid}))["it"] / 1e9


def test_what_a_process_burns_is_counted():
    """
    The processor time of a process is counted to a few milliseconds.
    """
    assert SECONDS <= burnt(ITSELF) < SECONDS + OFF


def test_threads_that_ended_are_counted():
    """
    What threads did before they ended is not lost.
    """
    assert 2 * SECONDS <= burnt(THREADS_THAT_END) < 2 * SECONDS + OFF


def test_children_are_counted_living_and_ended():
    """
    What descends from a process costs what it costs, whether it lives when it is looked at or not.
    """
    # A child starts an interpreter as well.
    assert SECONDS <= burnt(CHILD_THAT_LIVES) < SECONDS + 5 * OFF
    assert SECONDS - OFF <= burnt(CHILD_THAT_ENDS) < SECONDS + 5 * OFF


def test_kinds_are_told_apart():
    """
    The database is not charged for what the server did.
    """
    with burning(ITSELF) as one, burning(ITSELF) as other:
        roots = {"server": one.pid, "database": other.pid}
        before = spent(roots)
        one.burn()
        costs = between(before, at_rest(roots))

    assert costs["server"] / 1e9 >= SECONDS
    assert costs["database"] / 1e9 < OFF
