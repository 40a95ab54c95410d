"""A PostgreSQL server for one server alone, so that all that it does is done for that one."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.databases import new_database, postgres_server


@dataclass(frozen=True)
class Postgres:
    """The URL of its one database, and its first process."""

    url: str
    pid: int


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Run it as it is delivered until the block ends."""
    with postgres_server() as server:
        url, pid = new_database(server, "bench"), server.get_pid()
        assert pid is not None
        yield Postgres(url, pid)
