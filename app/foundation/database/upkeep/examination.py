"""How a database is set up, as far as it concerns whoever relies on it."""

import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

from app.foundation.database.engine import APPLICATION

# By these, PostgreSQL acknowledges what it may lose.
_DURABLE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply", "remote_write")}
# Who else of ours is connected. Whoever comes over a unix socket is on the database's own machine, as is a loopback.
_HOSTS = """
    SELECT DISTINCT coalesce(nullif(host(client_addr), '::1'), '127.0.0.1') AS address
    FROM pg_stat_activity
    WHERE application_name = :ours AND usename = session_user AND datname = current_database()
        AND pid <> pg_backend_pid()
    ORDER BY address
"""


@dataclass(frozen=True)
class DatabaseFacts:
    """
    What is found.

    Args:
        revision: the migration that the schema is at; None before the first.
        clock_ahead: how far its clock is ahead of ours; None when it has none of its own.
        risky: settings by which it may lose what it has acknowledged, as `name = value`.
        open_to_others: the file that other users of this machine can read, if any.
        hosts: the addresses from which other processes of ours are connected, 127.0.0.1 for the database's own machine;
            None when it cannot be told, since something stands in between.
    """

    revision: str | None
    clock_ahead: timedelta | None
    risky: Sequence[str]
    open_to_others: Path | None
    hosts: Sequence[str] | None


def examine(connection: Connection, *, now: datetime) -> DatabaseFacts:
    """Look at the database of a connection."""
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if connection.dialect.name == "sqlite":
        file = Path(connection.engine.url.database or "")
        seen = file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
        return DatabaseFacts(revision, None, [], file if seen else None, None)

    values = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in _DURABLE}
    risky = [f"{name} = {value}" for name, value in values.items() if value not in _DURABLE[name]]
    its_time: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return DatabaseFacts(revision, its_time - now, risky, None, _hosts(connection))


def _hosts(connection: Connection) -> Sequence[str] | None:
    if not _is_reached_directly(connection):
        return None
    return connection.execute(text(_HOSTS), {"ours": APPLICATION}).scalars().all()


def _is_reached_directly(connection: Connection) -> bool:
    # Behind a pooler or a relay, all hosts have its address; and ours, as the server sees it, is not the one we have.
    driver = connection.connection.driver_connection
    if driver is None or driver.prepare_threshold is None:
        return False
    with socket.socket(fileno=os.dup(driver.fileno())) as wire:
        ours = None if wire.family == socket.AF_UNIX else wire.getsockname()[:2]
    seen = connection.execute(text("SELECT host(inet_client_addr()), inet_client_port()")).one()
    return ours == (None if seen[0] is None else tuple(seen))
