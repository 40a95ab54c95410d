"""The schedule: a seed gives which fault begins when, for how long, and whom it strikes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Planned:
    """
    A fault to come.

    Args:
        at: seconds since clients began.
        seconds: how long it lasts.
        draw: a number from 0 to 1 that chooses whom it strikes, or how hard.
    """

    at: float
    name: str
    seconds: float
    draw: float


def schedule(seed: str, names: Sequence[str], seconds: float, *, gap_seconds: float, longest: float) -> list[Planned]:
    """
    Plan faults for so many seconds: each kind once, in an order by lot, then again while there is time.

    Args:
        gap_seconds: quiet between the end of one and the beginning of the next, at least.
        longest: seconds that a fault lasts at most.
    """
    chance = random.Random(f"faults/{seed}")
    planned: list[Planned] = []
    at, round_of_names = gap_seconds, list[str]()
    while names:
        if not round_of_names:
            round_of_names = chance.sample(list(names), len(names))
        lasts = chance.uniform(0.4, 1.0) * longest
        if at + lasts > seconds:
            break
        planned.append(Planned(at, round_of_names.pop(), lasts, chance.random()))
        at += lasts + gap_seconds * chance.uniform(1.0, 1.5)
    return planned
