"""What a server holds after few requests and after many: it must not be more."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from bench.requests.client.driving import drive, lines
from bench.requests.hosts.system import System
from bench.requests.measuring.accounts import resident_bytes

# Caches and pools are full after the first tenth.
FIRST_PART = 0.1
LARGEST_GROWTH = 1.05
_AT_ONCE = 100
_AT_ONCE_SECONDS = 60
_CONNECTIONS = 2


@dataclass(frozen=True)
class Held:
    """After so many requests, so many bytes, over all processes of the server without its database."""

    requests: int
    resident: int


@dataclass(frozen=True)
class Memory:
    """What was held on the way."""

    held: list[Held]

    @property
    def growth(self) -> float:
        """Give how many times as much is held at the end as after the first part."""
        return self.held[-1].resident / self.held[0].resident


def remember(system: System, requests: int) -> Memory:
    """Ask everything that can be asked, as often as each other, and look ten times how much is held."""
    held: list[Held] = []
    answered, way = 0, system.ways[0]
    works = itertools.cycle(system.works.values())
    with lines(way, _CONNECTIONS) as all_lines:
        while answered < requests:
            answered += drive(all_lines, way.host, next(works), _AT_ONCE_SECONDS, _AT_ONCE).requests
            if answered >= requests * FIRST_PART * (len(held) + 1):
                held.append(Held(answered, resident_bytes(system.roots["server"])))
    system.verify()
    return Memory(held)


def told(memory: Memory, system: System) -> Iterator[str]:
    """Tell it as a table in Markdown."""
    yield f"| requests to {system.name} on {system.database} | held, MB |"
    yield "|--:|--:|"
    for each in memory.held:
        yield f"| {each.requests:,} | {each.resident / 1e6:.1f} |"
    yield f"| the last over the first | {memory.growth:.3f} |"
