"""How a database is set up, as far as it concerns whoever relies on it."""

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

# By these, PostgreSQL acknowledges what it may lose.
_DURABLE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply", "remote_write")}


@dataclass(frozen=True)
class DatabaseFacts:
    """
    What is found.

    Args:
        revision: the migration that the schema is at; None before the first.
        clock_ahead: how far its clock is ahead of ours; None when it has none of its own.
        risky: settings by which it may lose what it has acknowledged, as `name = value`.
        open_to_others: the file that other users of this machine can read, if any.
    """

    revision: str | None
    clock_ahead: timedelta | None
    risky: Sequence[str]
    open_to_others: Path | None


def examine(connection: Connection, *, now: datetime) -> DatabaseFacts:
    """Look at the database of a connection."""
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if connection.dialect.name == "sqlite":
        file = Path(connection.engine.url.database or "")
        seen = file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
        return DatabaseFacts(revision, None, [], file if seen else None)

    values = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in _DURABLE}
    risky = [f"{name} = {value}" for name, value in values.items() if value not in _DURABLE[name]]
    its_time: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return DatabaseFacts(revision, its_time - now, risky, None)
