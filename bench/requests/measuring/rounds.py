"""Short slices in turn, so that what disturbs this machine disturbs all of them alike."""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.requests.client.driving import Driven, drive, lines
from bench.requests.client.lines import Line
from bench.requests.hosts.system import System
from bench.requests.measuring.accounts import at_rest, between
from bench.requests.measuring.results import Cell, Run, Tally, run_of
from bench.requests.measuring.signature import Signed, signature

_WARMING_SLICES = 2
# A slice of signatures stands before each slice of requests; it needs less time for a number as steady.
_SIGNATURE_PART = 0.25


@dataclass(frozen=True)
class Plan:
    """How long to measure: slices of so many seconds, each once a round, over so many connections at once."""

    seed: str
    seconds: float
    rounds: int
    connections: int


@dataclass(frozen=True)
class _Place:
    """Where the requests of a cell go."""

    system: System
    host: str
    held: Sequence[Line]

    def slice(self, work: str, seconds: float) -> Driven:
        return drive(self.held, self.host, self.system.works[work], seconds)


def measure(systems: Sequence[System], wanted: Callable[[Cell], bool], plan: Plan) -> Run:
    """
    Measure every cell that is wanted, in turn with the bare signature, in an order that the seed draws for each round.

    Raises:
        AnswerError: a server gave an answer that it must not give; nothing that it cost would mean anything.
    """
    chance = random.Random(plan.seed)
    signed: list[Signed] = []
    verified = 0
    with _places(systems, wanted, plan.connections) as places, signature() as signing:
        tallies = {cell: Tally() for cell in places}
        for cell in [cell for cell in places for _ in range(_WARMING_SLICES)]:
            places[cell].slice(cell.work, plan.seconds)
        for _ in range(plan.rounds):
            for cell in chance.sample(list(places), len(places)):
                signed.append(signing.for_seconds(plan.seconds * _SIGNATURE_PART))
                _measure(places[cell], cell.work, tallies[cell], plan.seconds)
            verified += sum(system.verify() for system in systems)
    return run_of(tallies, signed, verified)


def _measure(place: _Place, work: str, tally: Tally, seconds: float) -> None:
    # To begin a connection that is kept is not a part of any request.
    for line in place.held:
        line.wake()
    before = at_rest(place.system.roots)
    driven = place.slice(work, seconds)
    tally.add(driven, between(before, at_rest(place.system.roots)))


@contextlib.contextmanager
def _places(
    systems: Sequence[System], wanted: Callable[[Cell], bool], connections: int
) -> Iterator[Mapping[Cell, _Place]]:
    with contextlib.ExitStack() as stack:
        places: dict[Cell, _Place] = {}
        for system in systems:
            for way in system.ways:
                cells = [Cell(work, system.name, system.database, way.name) for work in system.works]
                if cells := [cell for cell in cells if wanted(cell)]:
                    place = _Place(system, way.host, stack.enter_context(lines(way, connections)))
                    places |= dict.fromkeys(cells, place)
        yield places
