"""The runs that `make torture` consists of, and what is asked of each."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.torture.checking import Promises
from bench.torture.checking.report import told
from bench.torture.clients.honest import Habits
from bench.torture.faults.network import network_faults
from bench.torture.faults.ports import free_port
from bench.torture.faults.proxy import Proxy
from bench.torture.hosts.chalk import Chalk, chalk
from bench.torture.hosts.faults import chalk_faults
from bench.torture.run import Plan, Result, summary, torture
from bench.torture.small_servers import KINDS, served, target_of

Backend = Literal["sqlite", "postgresql"]
Mode = Literal["key", "window", "strict"]

WINDOW_SECONDS = 10
BACKENDS: Sequence[Backend] = ("sqlite", "postgresql")
MODES: Sequence[Mode] = ("key", "window", "strict")
WORKERS = {"sqlite": 4, "postgresql": 2}
# Networks of clients and clocks go wrong whatever else does.
APART = frozenset(
    {
        "clock step of a worker",
        "cut between clients and server",
        "drop answers between clients and server",
        "stall between clients and server",
    }
)
# In a small server nothing takes long, so that little time holds much.
SMALL = Plan(
    "",
    seconds=5,
    sessions={"honest": 20, "contested": 8},
    habits=Habits(rest_seconds=0.3, again_seconds=0.1),
    clients=6,
    theft_every=0.1,
    gap_seconds=0.3,
    longest_fault=0.4,
)


@dataclass(frozen=True)
class Verdict:
    """What a run came to; `lines` tell it."""

    name: str
    passed: bool
    lines: Sequence[str]
    result: Result


def promises_of(mode: Mode) -> Promises:
    """Give what our server promises in a mode."""
    return Promises(mode, WINDOW_SECONDS if mode == "window" else 0)


def habits_of(mode: Mode) -> Habits:
    """Give how honest clients behave: where no key can tell a copy from a theft, none is sent on purpose."""
    if mode == "key":
        return Habits()
    return Habits(with_key=False, late=0, twice=0.15 if mode == "window" else 0)


def ours(backend: Backend, mode: Mode, seed: str, seconds: float) -> Verdict:
    """Torture our own server, with every fault that this machine allows, and audit its store when it rests."""
    plan = Plan(seed, seconds=seconds, promises=promises_of(mode), habits=habits_of(mode), gap_seconds=1.0)
    # A window is no longer than its seconds: what delays an answer must not add up to more.
    plan = replace(plan, longest_fault=2.5, apart=frozenset() if mode == "window" else APART)
    retry_seconds = WINDOW_SECONDS if mode == "window" else 0
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        Path(folder).chmod(0o755)
        with chalk(backend, Path(folder), seed, workers=WORKERS[backend], retry_seconds=retry_seconds) as system:
            faults = chalk_faults(system, window=mode == "window")
            result = torture(system.target, faults, plan, system.restart)
            findings = audited(system)
            restarts = sum(each.restarts for each in system.processes)
    lines = [*summary(result), f"  servers started again by their supervisor: {restarts}"]
    lines.append(f"  audit-store at rest: {len(findings)} findings")
    lines += [f"    {finding}" for finding in findings]
    if result.lost and mode != "key" and not result.violations:
        lines.append(f"    each by a request that came {'twice' if mode == 'strict' else 'after the window was over'}")
    # In the other modes the checker knows which sessions had to be kept: strict none, a window those that were in time.
    passed = _clean(result) and not findings and (mode != "key" or not result.lost)
    return Verdict(f"{backend}, {mode}", passed, [*lines, *_told(result)], result)


def small(kind: str, seed: str) -> Verdict:
    """Torture a small server; one that is wrong must be caught, and a right one must not."""
    began = time.monotonic()
    plan = replace(SMALL, seed=seed)
    with served(KINDS[kind](), free_port()) as url:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        proxy = Proxy(free_port(), address, seed).start()
        try:
            faults = network_faults([proxy], "between clients and server", "", answers=True)
            result = torture(target_of(url, ("127.0.0.1", proxy.port)), faults, plan)
        finally:
            proxy.stop()
    caught = "I1" in {each.rule for each in result.violations}
    passed = _clean(result) and not result.lost if kind == "right" else caught
    judged = "passes" if not result.violations else f"is caught after {time.monotonic() - began:.0f} s"
    lines = [f"  {judged}", *summary(result), *_told(result, most=1)]
    return Verdict(f"small server, {kind}", passed, lines, result)


def audited(system: Chalk) -> list[str]:
    """Ask `chalk-auth audit-store` about the store of a system of ours."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.torture.hosts.clocked", "audit-store", "--output", "json"]
    asked = subprocess.run(
        command, check=False, capture_output=True, text=True, env=system.surroundings(), cwd=system.root
    )
    try:
        told_findings = json.loads(asked.stdout)["findings"]
    except ValueError:
        return [f"it could not look: {asked.stderr.strip()}"]
    return [f"{each['rule']} {each['subject']}: {each['what']}" for each in told_findings]


def _clean(result: Result) -> bool:
    return not result.violations and not result.problems


def _told(result: Result, most: int = 5) -> Iterator[str]:
    yield from (f"  problem: {each}" for each in result.problems)
    yield from told(result.violations, result.history.operations, result.history.disturbances, most=most)
