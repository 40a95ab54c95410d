"""What processes have cost so far, from the operating system's accounts."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

Spent = dict[str, int]

_TICK_NANOSECONDS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
# Which of a process's clocks is read: the one that the scheduler keeps, over all threads, those that ended included
# (clock_getcpuclockid(3)).
_SCHEDULED = 2
_LOOKS = 20
_LOOK_SECONDS = 0.004
_AT_REST_NANOSECONDS = 60_000


def spent(roots: Mapping[str, int]) -> Spent:
    """
    Give the nanoseconds of processor time that each kind of process has spent: a root, and all who descend from it.

    Processes that ended count with whoever waited for them, in hundredths of a second (`cutime`, `cstime`).
    """
    return {kind: _until_complete(pid) for kind, pid in roots.items()}


def at_rest(roots: Mapping[str, int]) -> Spent:
    """Do the same as soon as nobody is at work any more: what is done after an answer belongs to its request."""
    before = spent(roots)
    for _ in range(_LOOKS):
        threading.Event().wait(_LOOK_SECONDS)
        now = spent(roots)
        if sum(now.values()) - sum(before.values()) < _AT_REST_NANOSECONDS:
            return now
        before = now
    return before


def between(before: Spent, after: Spent) -> Spent:
    """Give what was spent from one look to the next."""
    return {kind: after[kind] - before[kind] for kind in after}


def resident_bytes(root: int) -> int:
    """Give the memory that a process and its descendants hold; what they share is counted in each."""
    return sum(each.memory_info().rss for each in _family(root))


def _until_complete(root: int) -> int:
    # Who ends between two lines of this is missing on one side or twice there; then all are looked at once more.
    for _ in range(_LOOKS):
        family = _family(root)
        try:
            total = sum(_own(each.pid) + _ended(each.pid) for each in family)
        except OSError:
            continue
        if {each.pid for each in _family(root)} == {each.pid for each in family}:
            return total
    raise RuntimeError(f"processes of {root} begin and end all the time")


def _family(root: int) -> list[psutil.Process]:
    first = psutil.Process(root)
    return [first, *first.children(recursive=True)]


def _own(pid: int) -> int:
    return time.clock_gettime_ns((~pid << 3) | _SCHEDULED)


def _ended(pid: int) -> int:
    # The name, in parentheses, may hold anything; what is counted from its end stands still (proc_pid_stat(5)).
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * _TICK_NANOSECONDS
