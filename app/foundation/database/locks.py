"""Locks on named things, for the length of a transaction (docs/decisions/0009-locks-that-end-an-authority.md)."""

import hashlib

from sqlalchemy import text
from sqlalchemy.engine import Connection


def lean_on(connection: Connection, name: str) -> None:
    """
    Keep a thing from being ended until the transaction is over; any number may lean on it at once.

    Unlike share locks on a row, these queue: who wants to end the thing waits for those before it, and those who come
    later wait for it. However many lean on a thing, it can be ended. On SQLite, writers stand in line anyway.
    """
    _lock(connection, "SELECT pg_advisory_xact_lock_shared(:number)", name)


def have_alone(connection: Connection, name: str) -> None:
    """Wait until nobody leans on a thing, and keep it so until the transaction is over; first of all, to end it."""
    _lock(connection, "SELECT pg_advisory_xact_lock(:number)", name)


def lock_number(name: str) -> int:
    """Give the number that stands for a name, for a statement that locks among other things."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def _lock(connection: Connection, statement: str, name: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(statement), {"number": lock_number(name)})
