"""One run: open sessions, let everyone loose while the schedule disturbs, let it rest, look at what is left."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from bench.torture.checking import Promises, Violation, check
from bench.torture.checking.service import late_documents
from bench.torture.clients.adversaries import Admin, Thief
from bench.torture.clients.honest import Habits, Honest
from bench.torture.clients.requests import Requests
from bench.torture.clients.rest import Rest
from bench.torture.clients.sessions import Fate, Pool
from bench.torture.clients.target import Credential, Target
from bench.torture.clients.verifier import Verifier, verify_all
from bench.torture.faults.nemesis import Fault, Nemesis
from bench.torture.faults.schedule import schedule
from bench.torture.history import Disturbance, History, Operation

_JOIN_SECONDS = 30
_OPENERS = 6


@dataclass(frozen=True)
class Plan:
    """
    How to torture; a seed gives the schedule of operations and of faults.

    Args:
        seconds: how long clients are at work while faults happen.
        sessions: how many of each fate.
        gap_seconds: quiet between two faults, at least.
        longest_fault: seconds.
        apart: names of faults that have a schedule of their own, and so happen during the others.
    """

    seed: str
    seconds: float = 60.0
    promises: Promises = field(default_factory=Promises)
    habits: Habits = field(default_factory=Habits)
    sessions: Mapping[Fate, int] = field(default_factory=lambda: {"honest": 90, "contested": 30, "ending": 5})
    clients: int = 10
    thieves: int = 2
    theft_every: float = 0.25
    admin_every: float = 0.8
    gap_seconds: float = 1.5
    longest_fault: float = 3.0
    apart: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Result:
    """
    What came of a run.

    `lost` are the honest sessions that are gone, of `honest`; `offline` is how often a kept JWKS verified a token;
    `lost_keys` how often the answer was lost that held a new API key, and could not be had again.
    """

    history: History
    violations: Sequence[Violation]
    problems: Sequence[str]
    lost: Sequence[str]
    honest: int
    offline: int
    lost_keys: int = 0


class _Worker(Protocol):
    over: threading.Event
    problems: list[str]

    def run(self) -> None: ...


def torture(
    target: Target, faults: Mapping[str, Fault], plan: Plan, restart: Callable[[], None] | None = None
) -> Result:
    """
    Run once against a server that is up.

    Args:
        target: where it is.
        faults: what can be done to it, by name.
        plan: how much of it.
        restart: ends the whole server and starts it again; what was spent must stay spent over it.
    """
    history, pool = History(), Pool()
    names = [f"client-{number + 1}" for number in range(plan.clients)]
    honest = [Honest(_requests(target, history, plan, name), pool, plan.habits) for name in names]
    _begin(target, plan, pool, honest[0])
    thieves = [
        Thief(_requests(target, history, plan, f"thief-{n + 1}", "thief"), pool, plan.theft_every)
        for n in range(plan.thieves)
    ]
    admin = Admin(_requests(target, history, plan, "admin", "admin"), pool, plan.admin_every)
    verifier = Verifier(_requests(target, history, plan, "resource", "probe"), 0.25)
    verifier.show(next((each.access for each in pool.all if each.access), ""))
    nemeses = _nemeses(faults, plan, history)
    everyone: list[_Worker] = [*honest, *thieves, admin, verifier]
    broken = _let_loose(everyone, plan.seconds, nemeses)

    quiet, last = _requests(target, history, plan, "rest"), _requests(target, history, plan, "last thief", "thief")
    lost = Rest(quiet, last, pool, with_key=plan.habits.with_key).look(restart)
    verify_all(Requests(target, history, "verifier", "probe", plan.seed), history.operations)
    violations = check(history.operations, plan.promises, history.disturbances)
    problems = [problem for each in [*everyone, *nemeses] for problem in each.problems]
    return Result(history, violations, [*problems, *broken], lost, _honest(pool), verifier.offline, admin.lost_keys)


def _requests(target: Target, history: History, plan: Plan, name: str, role: str = "honest") -> Requests:
    return Requests(target, history, name, role, plan.seed)  # type: ignore[arg-type]


def _begin(target: Target, plan: Plan, pool: Pool, opener: Honest) -> None:
    clients: dict[Fate, Sequence[Credential]] = {"honest": [target.steady], "contested": [target.steady]}
    if target.steering is not None:
        # Every sixth honest session is of the client whose key is replaced again and again.
        clients["honest"] = [target.steady] * 5 + [target.steering.rotating]
        clients["ending"] = [target.steering.ending]
    sessions = []
    for fate, of_fate in clients.items():
        sessions += [pool.open(fate, of_fate[n % len(of_fate)]) for n in range(plan.sessions.get(fate, 0))]
    with ThreadPoolExecutor(_OPENERS) as threads:
        opened = list(threads.map(opener.open, sessions))
    if not any(opened):
        raise RuntimeError("the server opens no session that has a refresh token; are URL, credential and scope right?")
    for number, session in enumerate(sessions):
        pool.wait(session, plan.habits.rest_seconds * number / len(sessions))


def _nemeses(faults: Mapping[str, Fault], plan: Plan, history: History) -> list[Nemesis]:
    lanes = {"": sorted(faults.keys() - plan.apart), "/apart": sorted(faults.keys() & plan.apart)}
    return [
        Nemesis(
            faults,
            schedule(plan.seed + lane, names, plan.seconds, gap_seconds=plan.gap_seconds, longest=plan.longest_fault),
            history,
            plan.seconds,
        )
        for lane, names in lanes.items()
        if names
    ]


def _let_loose(everyone: Sequence[_Worker], seconds: float, nemeses: Sequence[Nemesis]) -> list[str]:
    with ThreadPoolExecutor(len(everyone) + len(nemeses)) as threads:
        running = [threads.submit(each.run) for each in everyone]
        disturbing = [threads.submit(each.run) for each in nemeses]
        try:
            # Schedules are gone through to their end, however long recoveries took; then clients are sent home.
            threading.Event().wait(seconds)
            wait(disturbing, seconds + _JOIN_SECONDS)
        finally:
            for each in [*nemeses, *everyone]:
                each.over.set()
    ended = [each.exception() for each in [*running, *disturbing]]
    return [f"the harness failed: {error!r}" for error in ended if error is not None]


def _honest(pool: Pool) -> int:
    return sum(each.fate == "honest" and bool(each.token) for each in pool.all)


def summary(result: Result) -> Iterator[str]:
    """Say in a few lines what was done and what came of it."""
    operations, faults = result.history.operations, result.history.disturbances
    refreshes = [each for each in operations if each.kind == "refresh"]
    counts = Counter(each.outcome for each in refreshes)
    yield f"  operations {len(operations)}, of them refreshes {len(refreshes)}: " + ", ".join(
        f"{counts[outcome]} {outcome}" for outcome in ("ok", "refused", "unknown")
    )
    kinds = Counter(each.name for each in faults)
    yield f"  faults {len(faults)}: " + ", ".join(f"{name} ({count})" for name, count in sorted(kinds.items()))
    yield from _recoveries(faults)
    documents, late, hung = late_documents(operations, faults)
    yield f"  answers 503: {sum(each.status == 503 for each in operations)}, {_last_503(operations, faults)}"
    yield f"  JWKS and metadata {documents} times: {late} not within two seconds, {hung} of them as the database hung"
    uses = Counter(each.status or "no answer" for each in operations if each.kind == "use")
    yield "  uses of a Bearer token at a resource: " + ", ".join(f"{uses[status]} {status}" for status in uses)
    yield f"  verified offline with a JWKS that was kept: {result.offline} times"
    unanswered = sum(each.outcome == "unknown" and each.session.startswith("honest") for each in refreshes)
    rate = f"{100 * len(result.lost) / unanswered:.0f} of 100" if unanswered else "none of no"
    yield f"  honest sessions {result.honest}, lost {len(result.lost)}: {rate} requests without an answer"
    yield f"  API keys that were lost with the answer of their rotation: {result.lost_keys}"
    yield f"  broken rules: {', '.join(sorted({each.rule for each in result.violations})) or 'none'}"


def _recoveries(faults: Sequence[Disturbance]) -> Iterator[str]:
    measured: dict[str, list[float]] = {}
    for each in faults:
        if each.recovered_after is not None:
            measured.setdefault(each.name, []).append(each.recovered_after)
    for name, seconds in sorted(measured.items()):
        yield f"  service after {name}: " + ", ".join(f"{each:.2f} s" for each in seconds)


def _last_503(operations: Sequence[Operation], faults: Sequence[Disturbance]) -> str:
    away = [each for each in faults if each.away == "database"]
    behind = [
        min((each.returned - one.ended for one in away if one.ended <= each.returned), default=0.0)
        for each in operations
        if each.status == 503 and not any(one.began <= each.returned <= one.ended for one in away)
    ]
    return f"the last {max(behind):.2f} s after the database was back" if behind else "all while the database was away"
