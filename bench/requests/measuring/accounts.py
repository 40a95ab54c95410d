"""What processes have cost so far, from the operating system's accounts."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    # Who ends between two lines of this is missing on one side or twice there; then all are looked at once more.
    for _ in range(_LOOKS):
        processes = _processes()
        families = {kind: list(_family(root, processes)) for kind, root in roots.items()}
        try:
            totals = {kind: sum(_own(pid) + processes[pid].ended for pid in pids) for kind, pids in families.items()}
        except OSError:
            continue
        now = _processes()
        if all(list(_family(root, now)) == families[kind] for kind, root in roots.items()):
            return totals
    raise RuntimeError(f"processes of {dict(roots)} begin and end all the time")


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
    return sum(psutil.Process(pid).memory_info().rss for pid in _family(root, _processes()))


@dataclass(frozen=True)
class _Process:
    """The parent of a process, and the nanoseconds of those children that it has waited for."""

    parent: int
    ended: int


def _processes() -> dict[int, _Process]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            # The name, in parentheses, may hold anything; after it, every field has its place (proc_pid_stat(5)).
            fields = stat.rpartition(")")[2].split()
            found[int(folder.name)] = _Process(int(fields[1]), (int(fields[13]) + int(fields[14])) * _TICK_NANOSECONDS)
    return found


def _family(root: int, processes: Mapping[int, _Process]) -> Iterator[int]:
    yield root
    for pid, process in sorted(processes.items()):
        if process.parent == root:
            yield from _family(pid, processes)


def _own(pid: int) -> int:
    return time.clock_gettime_ns((~pid << 3) | _SCHEDULED)
