"""
Migrations beside traffic: of several upgrades at once one works, and none holds everybody up while it waits for a lock
(docs/decisions/0026-migrations-beside-traffic.md).
"""

import contextlib
import time
from collections.abc import Callable, Iterator

from alembic.runtime.migration import MigrationContext
from sqlalchemy import exc, text
from sqlalchemy.engine import Connection

from app.foundation.database.transactions import take_time

# Any number will do, as long as it is always the same.
_NUMBER = 4283091775
# Whoever comes for a table while we wait for it stands behind us, so we wait shortly, and let them pass in between.
_WAIT_SECONDS = 1
_PAUSE_SECONDS = 2
# Of one upgrade behind another; nobody stands behind it.
_GLANCE_SECONDS = 0.5
# LockNotAvailable, DeadlockDetected.
_HELD = {"55P03", "40P01"}


class LockHeldError(Exception):
    """A lock that a migration needs was held by others for as long as we had patience; nothing of it was done."""


class AnotherUpgradeError(Exception):
    """Another upgrade of this database is at work."""


def revision_of(connection: Connection) -> str | None:
    """Give the migration that the schema is at; None before the first."""
    return MigrationContext.configure(connection).get_current_revision()


def begin_migration(connection: Connection) -> None:
    """
    Prepare a transaction for a migration: as slow as it must be, alone, and impatient with locks; first of all.

    To build an index may take longer than any request may. On SQLite, a writer is alone anyway.

    Raises:
        AnotherUpgradeError: it is not alone. To wait here would hold a snapshot, for which the other one may wait.
    """
    if connection.dialect.name != "postgresql":
        return
    take_time(connection)
    connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'"))
    if not connection.execute(text(f"SELECT pg_try_advisory_xact_lock({_NUMBER})")).scalar_one():
        raise AnotherUpgradeError


@contextlib.contextmanager
def without_transaction(context: MigrationContext) -> Iterator[None]:
    """
    Run what PostgreSQL refuses to do in a transaction, CREATE INDEX CONCURRENTLY above all.

    It is done or not, whatever becomes of the migration: let it stand alone in one, and let it bear being begun again
    (`DROP INDEX CONCURRENTLY IF EXISTS` first: what was broken off leaves an invalid index). On SQLite, it is a part of
    the transaction like all else; and nothing is asked of a database when the SQL is only written down.
    """
    connection = context.connection
    if connection is None or context.as_sql or connection.dialect.name != "postgresql":
        yield
        return

    # We hold it for the transaction, so we get it for the session, and are without it at no moment. `migrations/env.py`
    # throws the session away in the end, and with it all that is set here.
    connection.execute(text(f"SELECT pg_advisory_lock({_NUMBER})"))
    with context.autocommit_block():
        # It waits for all older transactions, and nobody stands behind it.
        for setting in ("statement_timeout", "lock_timeout"):
            connection.execute(text(f"SET {setting} = 0"))
        yield
    begin_migration(connection)


def patiently(step: Callable[[], None], patience_seconds: float, tell: Callable[[str], None]) -> None:
    """
    Take a step of an upgrade, again and again while others hold what it needs.

    Another upgrade is waited for as long as it works: then there is nothing left to do.

    Args:
        step: one migration, all of it or none.
        patience_seconds: how long to try for the locks.
        tell: is told in a sentence what it waits for, once of each.

    Raises:
        LockHeldError: it did not get them.
    """
    told: set[str] = set()

    def say(sentence: str) -> None:
        if sentence not in told:
            told.add(sentence)
            tell(sentence)

    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            step()
            return
        except AnotherUpgradeError:
            say("Another upgrade is at work; waiting for it.")
            time.sleep(_GLANCE_SECONDS)
        except exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _HELD:
                raise
            if time.monotonic() + _PAUSE_SECONDS >= deadline:
                raise LockHeldError from error
            say("A table is in use by a long transaction; trying again until it is over.")
            time.sleep(_PAUSE_SECONDS)
