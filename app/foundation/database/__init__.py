"""The database: one declarative base, one way to begin and end a transaction, on SQLite and PostgreSQL alike."""

from sqlalchemy.engine import Connection

from app.foundation.database.conditions import Condition, holds
from app.foundation.database.engine import engine_options, prepare, resolve_url
from app.foundation.database.examination import DatabaseFacts, examine
from app.foundation.database.faults import Fault
from app.foundation.database.locks import have_alone, lean_on
from app.foundation.database.pool import Pool
from app.foundation.database.tables import Base, UtcDateTime
from app.foundation.database.transactions import Database

__all__ = [
    "Base",
    "Condition",
    "Connection",
    "Database",
    "DatabaseFacts",
    "Fault",
    "Pool",
    "UtcDateTime",
    "engine_options",
    "examine",
    "have_alone",
    "holds",
    "lean_on",
    "prepare",
    "resolve_url",
]
