"""The connections that a process holds."""

from dataclasses import dataclass

from sqlalchemy import Engine, QueuePool


@dataclass(frozen=True)
class Pool:
    """Connections in use, those that wait to be used, and how many there may be of both."""

    in_use: int
    idle: int
    most: int


def pool_of(engine: Engine, *, kept: int) -> Pool:
    """Count the connections of an engine, by what its pool knows of itself; `kept` of them are out of it, and idle."""
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return Pool(0, 0, 0)
    return Pool(max(0, pool.checkedout() - kept), pool.checkedin() + kept, pool.size())
