"""`chalk-auth doctor` without a store of limits: it counts the hosts that PostgreSQL sees, and says so."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from app.foundation.database.engine import APPLICATION
from bench.torture.faults.ports import free_port
from bench.torture.faults.proxy import Proxy
from tests.conftest import MASTER_KEY, migrate
from tests.databases import reachable_postgres
from tests.diagnoses import diagnose


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a database with our schema, on a port."""
    with reachable_postgres() as url:
        migrate(url)
        yield url


@contextlib.contextmanager
def connected(url: str, address: str, application: str = APPLICATION) -> Iterator[None]:
    """Connect to PostgreSQL from an address of this machine, which its own library cannot choose."""
    given = make_url(url)
    words = ["user", "postgres", "database", str(given.database), "application_name", application, ""]
    body = struct.pack("!I", 3 << 16) + b"".join(word.encode() + b"\0" for word in words)
    with socket.create_connection((given.host, given.port), timeout=10, source_address=(address, 0)) as wire:
        wire.sendall(struct.pack("!I", len(body) + 4) + body)
        said = b""
        # It is there when it may ask: `Z`, five bytes, and that nothing is open.
        while not said.endswith(b"Z\0\0\0\5I"):
            part = wire.recv(4096)
            assert part, said
            said += part
        yield


def limits(url: str, **more: str) -> tuple[int, str, str]:
    """Give the doctor's exit status, and the level and the words of what it finds of limits."""
    given = {"DATABASE_URL": url, "MASTER_KEY": MASTER_KEY, "ISSUER": "https://auth.example.org", **more}
    status, found = diagnose({f"CHALK_{name}": value for name, value in given.items()})
    ((level, said),) = [(level, said) for (check, level), said in found.items() if check == "limits"]
    return status, level, said


def test_one_host_is_in_order_and_several_are_not(database):
    """
    A16: without a store, limits hold on one host, however many servers it has; of two, both are told, and what to do.
    Whoever else uses the database is no host of ours.
    """
    status, level, said = limits(database)
    assert (status, level) == (0, "ok")
    assert "none is connected to PostgreSQL now" in said

    two = (connected(database, "127.0.0.1"), connected(database, "127.0.0.1"))
    with two[0], two[1], connected(database, "127.0.0.3", "psql"):
        status, level, said = limits(database)
        assert (status, level) == (0, "ok")
        assert "one host is connected to PostgreSQL (127.0.0.1)" in said

        with connected(database, "127.0.0.2"):
            status, level, said = limits(database)
            assert (status, level) == (0, "warning")
            assert "2 hosts are connected to PostgreSQL (127.0.0.1, 127.0.0.2)" in said
            assert "Name a Redis or Valkey server" in said


def test_what_is_hidden_is_not_counted(database):
    """
    A16: behind a pooler, or a relay that nobody told us of, all hosts look like one: that is said, not guessed.
    """
    url = make_url(database)
    relay = Proxy(free_port(), (str(url.host), int(url.port or 0)), "doctor").start()
    try:
        through = url.set(port=relay.port).render_as_string(hide_password=False)
        for status, level, said in (limits(through), limits(database, DATABASE_POOLER="transaction")):
            assert (status, level) == (0, "warning")
            assert "hides how many hosts there are" in said
    finally:
        relay.stop()
