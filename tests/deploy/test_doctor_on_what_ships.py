"""`chalk-auth doctor` has nothing to say against what we ship: the units' settings, compose, and the manifests."""

import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml  # type: ignore[import-untyped]  # it ships no types
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.torture.faults.ports import free_port
from tests.conftest import MASTER_KEY, ROOT, migrate
from tests.databases import reachable_postgres
from tests.diagnoses import diagnose
from tests.servers import running
from tests.stores import server_program

DEPLOY = ROOT / "deploy"
BIN = str(Path(sys.executable).parent)
SCRIPT = str(DEPLOY / "with-credentials")
PASSWORD = "a-password-of-the-store"


@dataclass(frozen=True)
class Shipped:
    """What one of the ways to run it sets, the secrets that it hands over, and how it runs its store of limits."""

    settings: Mapping[str, str]
    secrets: Sequence[str]
    store: Sequence[str] = ()


def read(path: str) -> list[dict[str, Any]]:
    """Give what is in one of the files."""
    return list(yaml.safe_load_all((DEPLOY / path).read_text()))


def of_units() -> Shipped:
    """Read settings.env, and the unit."""
    unit = (DEPLOY / "systemd" / "chalk-auth@.service").read_text()
    assert "EnvironmentFile=/etc/chalk-auth/settings.env" in unit
    return Shipped(_settings_file(), re.findall(r"^LoadCredential=([\w-]+):", unit, re.MULTILINE))


def of_compose() -> Shipped:
    """Read compose.yaml, and the file of settings that it names."""
    services = read("container/compose.yaml")[0]["services"]
    auth, limits = services["auth-1"], services["limits"]
    assert auth["env_file"] == "../settings.env"
    command = [each.replace("$$", "$") for each in limits["entrypoint"]]
    return Shipped({**_settings_file(), **auth["environment"]}, auth["secrets"], command)


def of_manifests() -> Shipped:
    """Read the manifests; of the Secret, what the README says it is made of."""
    (made,) = re.findall(
        r"^kubectl create secret generic chalk-auth (.*)$", (DEPLOY / "README.md").read_text(), re.MULTILINE
    )
    pod = read("kubernetes/limits.yaml")[0]["spec"]["template"]["spec"]
    return Shipped(
        read("kubernetes/config.yaml")[0]["data"],
        re.findall(r"--from-file=([\w-]+)", made),
        pod["containers"][0]["command"],
    )


def _settings_file() -> dict[str, str]:
    return dict(re.findall(r"^(CHALK_\w+)=(.*)$", (DEPLOY / "settings.env").read_text(), re.MULTILINE))


def handed_over(shipped: Shipped, folder: Path, database: str, store_port: int = 0) -> dict[str, str]:
    """Lay the secrets into a folder; gives the environment with which the server is started there."""
    values = {
        "database-url": database,
        "master-key": MASTER_KEY,
        "limits-url": f"redis://:{PASSWORD}@127.0.0.1:{store_port}",
    }
    for name in shipped.secrets:
        (folder / name).write_text(values[name])
    return {**shipped.settings, "CREDENTIALS_DIRECTORY": str(folder), "PATH": f"{BIN}:/usr/bin:/bin"}


@contextlib.contextmanager
def shipped_store(command: Sequence[str], folder: Path, port: int) -> Iterator[None]:
    """Run the store as it is shipped, on a port of this machine; it ends when it is told to."""
    password = folder / "limits-password"
    password.write_text(PASSWORD)
    program = f"{shlex.quote(server_program())} - --port {port} --bind 127.0.0.1"
    text = command[-1].replace("/run/secrets/limits-password", str(password)).replace("redis-server -", program)
    process = subprocess.Popen([*command[:-1], text], stdout=subprocess.PIPE, text=True, cwd=folder)
    try:
        assert any("Ready to accept connections" in line for line in process.stdout or ())
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a database with our schema, on a port."""
    with reachable_postgres() as url:
        migrate(url)
        yield url


def test_the_units_are_in_order(database, tmp_path):
    """
    E3, E7, A16: two servers on a host, as the units start them, with the shipped settings: no warning, and no fault.
    """
    shipped = of_units()
    environment = handed_over(shipped, tmp_path, database)
    unit = (DEPLOY / "systemd" / "chalk-auth@.service").read_text()
    (start,) = re.findall(r"^ExecStart=/opt/chalk-auth/deploy/with-credentials (.*)$", unit, re.MULTILINE)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            port = free_port()
            options = start.replace("%i", str(port)).split()
            more = {name.removeprefix("CHALK_"): value for name, value in shipped.settings.items()}
            stack.enter_context(
                running([f"{BIN}/chalk-auth", *options, "--workers", "1"], port, database, workers=1, **more)
            )
        status, found = diagnose(environment, [SCRIPT])

    assert (status, {level for _, level in found}) == (0, {"ok"}), found
    assert "one host is connected to PostgreSQL (127.0.0.1)" in found["limits", "ok"]
    assert found["signing keys", "ok"] == "one is active, one stands by"


@pytest.mark.parametrize("read_shipped", [of_compose, of_manifests])
def test_containers_are_in_order(read_shipped, database, tmp_path):
    """
    E3, E7, A16: each container is a host, so a store of limits comes with them: no warning, and no fault; the store
    takes nothing without its password, and keeps nothing.
    """
    shipped, port = read_shipped(), free_port()
    environment = handed_over(shipped, tmp_path, database, port)
    with shipped_store(shipped.store, tmp_path, port):
        status, found = diagnose(environment, [SCRIPT])
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port, retry=Retry(NoBackoff(), 0)).ping()
        client = redis.Redis(port=port, password=PASSWORD)
        kept = {name: client.config_get(name)[name] for name in ("save", "appendonly", "maxmemory-policy")}
        client.close()

    assert (status, {level for _, level in found}) == (0, {"ok"}), found
    assert found["limits", "ok"] == "the store of CHALK_LIMITS_URL answers"
    assert kept == {"save": "", "appendonly": "no", "maxmemory-policy": "volatile-ttl"}


def test_the_store_is_where_the_readme_says():
    """
    The names under which the store is reached in compose and in Kubernetes are those that `limits-url` is written with.
    """
    readme = (DEPLOY / "README.md").read_text()
    service = next(each for each in read("kubernetes/limits.yaml") if each["kind"] == "Service")

    assert "limits" in read("container/compose.yaml")[0]["services"]
    assert "'redis://:%s@limits:6379'" in readme
    assert service["spec"]["ports"][0]["port"] == 6379
    assert f"redis://:PASSWORD@{service['metadata']['name']}:6379" in readme
