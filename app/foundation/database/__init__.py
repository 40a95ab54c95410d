"""The database: one declarative base, one way to begin and end a transaction, on SQLite and PostgreSQL alike."""

from sqlalchemy.engine import Connection

from app.foundation.database.conditions import Condition, Premise, Value, asking, holds
from app.foundation.database.engine import engine_options, prepare, resolve_url
from app.foundation.database.health.faults import Fault
from app.foundation.database.health.pool import Pool
from app.foundation.database.hot.direct import Direct
from app.foundation.database.hot.prepared import Prepared
from app.foundation.database.locks import have_alone, lean_on, lock_number
from app.foundation.database.tables import Base, UtcDateTime
from app.foundation.database.transactions import Database, take_time
from app.foundation.database.upkeep.examination import DatabaseFacts, examine
from app.foundation.database.upkeep.migrating import (
    LockHeldError,
    begin_migration,
    patiently,
    revision_of,
    without_transaction,
)

__all__ = [
    "Base",
    "Condition",
    "Connection",
    "Database",
    "DatabaseFacts",
    "Direct",
    "Fault",
    "LockHeldError",
    "Pool",
    "Premise",
    "Prepared",
    "UtcDateTime",
    "Value",
    "asking",
    "begin_migration",
    "engine_options",
    "examine",
    "have_alone",
    "holds",
    "lean_on",
    "lock_number",
    "patiently",
    "prepare",
    "resolve_url",
    "revision_of",
    "take_time",
    "without_transaction",
]
