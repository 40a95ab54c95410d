"""A running server, as a measurement sees it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from bench.requests.client.driving import Work
from bench.requests.client.lines import Line, Way
from bench.requests.client.messages import Freshness, content, printed

POSTGRESQL, SQLITE = "PostgreSQL", "SQLite"


@dataclass(frozen=True)
class System:
    """
    A server and its database.

    Args:
        name: whose it is.
        database: which one it runs on.
        ways: how it is reached.
        roots: its processes: the first of each kind, from which all others of that kind descend.
        works: what is asked of it, by name.
        freshness: the tokens that it gave away.
        jwks: the path of its keys.
    """

    name: str
    database: str
    ways: Sequence[Way]
    roots: Mapping[str, int]
    works: Mapping[str, Work]
    freshness: Freshness
    jwks: str = "/.well-known/jwks.json"

    def verify(self) -> int:
        """Verify the tokens of the sample, and give how many they were."""
        way = self.ways[0]
        with closing(Line(way)) as line:
            line.send(printed("GET", self.jwks, way.host, {}))
            while (answer := line.receive()) is None:
                pass
        return self.freshness.verify(content(answer))
