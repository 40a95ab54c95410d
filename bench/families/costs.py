"""What one call of a story costs, on several databases in turn."""

import functools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import text

from app.flows.end_sessions import end_sessions
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.forget_expired import forget_expired
from app.flows.look_up_sessions import SessionFilters, look_up_sessions
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.steps import Credential
from app.foundation.identifiers import print_id
from bench.families.filling import SESSIONS_OF_ONE_TENANT, Filled

# A call may cost so much more in the large table: an index of some hundred times as many rows has a step or two more.
LARGEST_RATIO = 1.5
_BATCH = 1000
_PAGE = 20
_END_OF_ALL = f"the end of all {SESSIONS_OF_ONE_TENANT} sessions of a tenant"

Call = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """
    Calls to measure; what is done between them is not.

    Args:
        name: what is called.
        repetitions: how often.
        calls: give so many calls on a database.
        alone: nothing is done between them, so the database's counts are of the calls.
        largest_ratio: how many times as long a call may take in the large table.
    """

    name: str
    repetitions: int
    calls: Callable[[Filled, int], Iterator[Call]]
    alone: bool
    largest_ratio: float = LARGEST_RATIO


@dataclass(frozen=True)
class Cost:
    """One measure of what a call costs, on each database."""

    name: str
    values: Sequence[float]
    largest_ratio: float = LARGEST_RATIO

    @property
    def ratio(self) -> float:
        """Give how many times more it costs on the last database than on the first."""
        return self.values[-1] / self.values[0]

    @property
    def is_dear(self) -> bool:
        """Tell whether that is too much."""
        return self.ratio > self.largest_ratio


@dataclass(frozen=True)
class _Counts:
    """What a database counts: the milliseconds it was at work, and the pages of `families` and its indexes it saw."""

    milliseconds: float
    pages: float


def measure(work: Work, databases: Sequence[Filled]) -> list[Cost]:
    """
    Measure a work on all databases in turn, so that what disturbs this machine disturbs each of them alike.

    The database's part is the time that it spent, the commit included. It is not judged: in a table that is larger
    than PostgreSQL's cache, it holds reading from the operating system's. How many pages are seen depends on neither.
    """
    warming = max(2, work.repetitions // 5)
    calls = [work.calls(database, warming + work.repetitions) for database in databases]
    for _ in range(warming):
        _round(calls)
    before = [_counts(database) for database in databases]
    # One after the other, and every other time the other way round.
    rounds = [_round(calls[::-1])[::-1] if number % 2 else _round(calls) for number in range(work.repetitions)]
    after = [_counts(database) for database in databases]

    middle = [statistics.median(each) for each in zip(*rounds, strict=True)]
    medians = Cost(f"{work.name}: milliseconds, median", middle, work.largest_ratio)
    if not work.alone:
        return [medians]
    spans = list(zip(before, after, strict=True))
    active = [(end.milliseconds - begin.milliseconds) / work.repetitions for begin, end in spans]
    pages = [(end.pages - begin.pages) / work.repetitions for begin, end in spans]
    return [
        medians,
        Cost("of them in the database, mean", active, math.inf),
        Cost("pages of the table and its indexes, mean", pages),
    ]


def _round(calls: Sequence[Iterator[Call]]) -> list[float]:
    times = []
    for each in calls:
        call = next(each)
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def _counts(database: Filled) -> _Counts:
    # A connection keeps its counts for a while; the only one that the stories have is asked to hand them over.
    with database.tools.database.reading() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    asked = """
        SELECT active_time, heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit
        FROM pg_stat_database, pg_statio_user_tables WHERE datname = current_database() AND relname = 'families'
    """
    with psycopg.connect(database.url) as connection:
        row = connection.execute(asked).fetchone()
    assert row is not None
    return _Counts(float(row[0]), float(row[1]))


def _rotations(database: Filled, most: int) -> Iterator[Call]:
    for token in database.tokens(most):
        yield functools.partial(refresh_access, Refresh(token), database.tools)


def _exchanges(database: Filled, most: int) -> Iterator[Call]:
    asked = Exchange(Credential(secret=database.exchanged_key), offline=True)
    for _ in range(most):
        yield functools.partial(exchange_api_key, asked, database.tools)


def _pages(database: Filled, most: int) -> Iterator[Call]:
    for caller in database.callers(most):
        yield functools.partial(look_up_sessions, caller, SessionFilters(), (None, _PAGE), database.tools)


def _revocations(database: Filled, most: int) -> Iterator[Call]:
    tenant_id = database.caller.tenant_id
    assert tenant_id is not None
    for _ in range(most):
        yield functools.partial(_end_all, database, print_id("tenant", tenant_id))
        database.revive()


def _end_all(database: Filled, tenant_id: str) -> None:
    ended = end_sessions(database.caller, tenant_id, database.tools)
    if ended != SESSIONS_OF_ONE_TENANT:
        raise RuntimeError(f"{ended} sessions ended")


def _batches(database: Filled, most: int) -> Iterator[Call]:
    for _ in range(most):
        database.add_over(_BATCH)
        yield functools.partial(_forget, database)


def _forget(database: Filled) -> None:
    forgotten = forget_expired(database.tools)
    if forgotten != _BATCH:
        raise RuntimeError(f"{forgotten} rows were forgotten")


WORKS = [
    Work("a rotation", 1000, _rotations, alone=True, largest_ratio=1.1),
    Work("an exchange of an API key", 1000, _exchanges, alone=True, largest_ratio=1.1),
    Work(f"a page of {_PAGE} sessions", 500, _pages, alone=True),
    # Its rows lie scattered, each on a page of its own, and of a large table most pages are not in the cache.
    Work(_END_OF_ALL, 40, _revocations, alone=False, largest_ratio=2.5),
    Work(f"a batch of forget_expired ({_BATCH} rows)", 20, _batches, alone=False),
]
