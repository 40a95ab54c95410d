"""What can be measured, and how to start what is asked for it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.requests.client.lines import DIRECT, NGINX
from bench.requests.hosts.chalk import NAME, WORKS, chalk
from bench.requests.hosts.peers import (
    AUTHLIB_NAME,
    FLOOR,
    ISSUE,
    OIDC_PROVIDER_NAME,
    REFRESH,
    authlib,
    oidc_provider,
    the_floor,
)
from bench.requests.hosts.system import POSTGRESQL, SQLITE, System
from bench.requests.measuring.results import Cell
from bench.requests.peers.places import Places

Start = Callable[[Path], AbstractContextManager[System]]


@dataclass(frozen=True)
class Offer:
    """A server that can be started in a folder of its own, and what can be asked of it."""

    name: str
    start: Start
    cells: Sequence[Cell]


def offers(*, with_floor: bool, peers: Path | None) -> Iterator[Offer]:
    """List our own server on each database, and those to compare with that are asked for."""
    for database in (POSTGRESQL, SQLITE):
        cells = [Cell(work, NAME, database, way) for way in (DIRECT, NGINX) for work in WORKS]
        yield Offer(database, partial(chalk, database), cells)
    if with_floor:
        yield _peer(FLOOR, the_floor)
    if peers is not None:
        yield _peer(AUTHLIB_NAME, partial(authlib, Places(peers)))
        yield _peer(OIDC_PROVIDER_NAME, partial(oidc_provider, Places(peers)))


def _peer(name: str, start: Start) -> Offer:
    return Offer(name, start, [Cell(work, name, POSTGRESQL, DIRECT) for work in (ISSUE, REFRESH)])
