"""What cannot be run here is read: units, the image, compose and manifests, by their own tools and by our rules."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from app import settings
from tests.conftest import MASTER_KEY, ROOT
from tests.deploy.edge import NGINX, render

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
TOOLS = Path(sys.executable).parent


def run(*command, **more):
    """Run a tool; what it says is shown when it is not content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documents(file):
    return [each for each in yaml.safe_load_all(file.read_text()) if each]


def containers():
    """Every pod that the manifests describe, with its only container."""
    for file in MANIFESTS:
        for each in documents(file):
            pod = each.get("spec", {}).get("template", {}).get("spec") if each["kind"] != "ConfigMap" else None
            if pod:
                (container,) = pod["containers"]
                yield each, pod, container


def verify(analyze, unit):
    """Let systemd read a unit; what it does not know, it only mentions."""
    surroundings = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    command = [analyze, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=surroundings)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def lines(unit):
    """The lines of a unit that say something, from `User=` on."""
    return [line for line in unit.read_text().partition("\n[Service]")[2].splitlines() if "=" in line]


def test_nginx_takes_every_configuration(tmp_path):
    """
    `nginx -t` has nothing to say, not even a warning, about the shipped files, alone and all together.
    """
    ports = {"8000": 8000, "8001": 8001, "9000": 9000, "9001": 9001, "tls": 8443, "plain": 8080}
    credential = {"introspection-credential.conf": 'set $chalk_credential "Basic eDp5";'}
    jwt, introspection = "resource-server-jwt.conf", "resource-server-introspection.conf"
    sets: list[dict[str, str | None]] = [{}, {jwt: None}, {introspection: None, **credential}]
    for number, more in enumerate(sets):
        folder = tmp_path / str(number)
        folder.mkdir()
        render(folder, ports, more)
        command = [NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "log" / "error.log"), "-t"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, "successful" in done.stderr, "[warn]" in done.stderr) == (0, True, False), done.stderr


def test_nginx_repeats_nothing_that_was_sent():
    """
    N: nowhere is a request that is not idempotent sent again, an error answer tried elsewhere, or early data taken.
    """
    text = "".join(file.read_text() for file in sorted((DEPLOY / "nginx").rglob("*.conf")))
    said = [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]

    assert [line for line in said if line.startswith("proxy_next_upstream ")] == [
        "proxy_next_upstream         error timeout;"
    ]
    assert [line for line in said if line.startswith("ssl_early_data")] == ["ssl_early_data off;"]
    assert not re.search(r"return\s+30[2-9]|rewrite\s|http_50\d\s+non_idempotent", text)


def test_nobody_may_be_slow_for_long():
    """
    N: nginx waits ten seconds at the most for the next piece of a request, or for a client to take its answer.
    """
    text = (DEPLOY / "nginx" / "chalk-auth" / "clients.conf").read_text()

    for name in ("client_header_timeout", "client_body_timeout", "send_timeout"):
        assert re.search(rf"^{name}\s+10s;$", text, re.MULTILINE)


def test_as_much_is_read_as_the_server_reads():
    """
    nginx takes and buffers bodies up to the server's own bound, so that none is written to the disk.
    """
    text = (DEPLOY / "nginx" / "chalk-auth" / "clients.conf").read_text()
    (bound,) = [each["default"] for each in settings.variables() if each["name"] == "CHALK_MAX_BODY_BYTES"]

    for name in ("client_max_body_size", "client_body_buffer_size"):
        assert re.search(rf"^{name}\s+{int(bound) // 1024}k;$", text, re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit, tmp_path):
    """
    E7: each unit is hardened alike and holds no secret; where systemd is, it verifies and rates them.
    """
    said = lines(unit)
    first = said.index("NoNewPrivileges=yes")
    assert (
        said[first : said.index("SystemCallErrorNumber=EPERM")]
        == lines(UNITS[0])[
            lines(UNITS[0]).index("NoNewPrivileges=yes") : lines(UNITS[0]).index("SystemCallErrorNumber=EPERM")
        ]
    )
    for line in (
        "User=chalk-auth",
        "LoadCredential=database-url:/etc/chalk-auth/database-url",
        "LoadCredential=master-key:/etc/chalk-auth/master-key",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "LimitCORE=0",
        "CapabilityBoundingSet=",
    ):
        assert line in said
    assert not [line for line in said if line.startswith(("Environment=CHALK_", "SetCredential="))]

    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        # With commands that exist here, and of a port.
        there = tmp_path / unit.name.replace("@", "@8000")
        there.write_text(unit.read_text().replace("/opt/chalk-auth/", f"{ROOT}/"))
        verify(analyze, there)
        run(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", str(there))


def test_what_is_over_is_forgotten_by_a_timer_for_whoever_wants_one(tmp_path):
    """
    The timer waits for the run before; its command is one of ours; where systemd is, it takes both together.
    """
    unit = DEPLOY / "systemd" / "chalk-auth-forget-expired.service"
    timer = unit.with_suffix(".timer").read_text()
    said = [line for line in timer.splitlines() if "=" in line and not line.startswith("#")]
    assert {"OnUnitInactiveSec=10min", "OnBootSec=10min", "WantedBy=timers.target"} <= set(said)
    assert not [line for line in said if line.startswith(("OnCalendar=", "Unit="))]

    assert {"Type=oneshot", "ExecStart=/opt/chalk-auth/deploy/with-credentials forget-expired"} <= set(lines(unit))
    assert "forget-expired" in run(str(TOOLS / "chalk-auth"), "--help")

    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        for each in (unit, unit.with_suffix(".timer")):
            (tmp_path / each.name).write_text(each.read_text().replace("/opt/chalk-auth/", f"{ROOT}/"))
        verify(analyze, tmp_path / unit.with_suffix(".timer").name)


def test_the_server_is_started_again_and_stopped_gently():
    """
    It comes back whatever happened, renews its workers on a reload, and has time to finish what it took.
    """
    said = lines(DEPLOY / "systemd" / "chalk-auth@.service")

    assert {"Restart=always", "ExecReload=/bin/kill -HUP $MAINPID", "KillMode=mixed", "TimeoutStopSec=20"} <= set(said)


def test_the_image_is_built_from_the_lock_and_runs_as_nobody_in_particular():
    """
    E7: hadolint is content; packages are those of the lock, by hash; nothing is copied that is not named; no root.
    """
    file = DEPLOY / "container" / "Containerfile"
    text = file.read_text()
    run(str(TOOLS / "hadolint"), "--failure-threshold", "style", str(file))

    assert "--require-hashes --no-deps --only-binary :all: --requirement requirements.lock" in text
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert all((ROOT / name).exists() for name in copied)
    assert not {"keys/", "var/", ".", "./", ".env"} & set(copied)
    assert text.index("\nUSER 10001:10001") < text.index("\nHEALTHCHECK") < text.index("\nENTRYPOINT")


def test_compose_keeps_secrets_out_of_the_environment():
    """
    E7: the file follows the specification; servers are read-only, without privileges, and get secrets as files.
    """
    file = DEPLOY / "container" / "compose.yaml"
    run(str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(file))

    (compose,) = documents(file)
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert (service.get("read_only"), service.get("cap_drop")) == (True, ["ALL"]) or name == "database"
        assert not [
            each for each in service.get("environment", {}) if each in {"CHALK_DATABASE_URL", "CHALK_MASTER_KEY"}
        ]
        mounts = [each.split(":")[0] for each in service.get("volumes", []) if each.startswith(".")]
        made = {"./tls"}
        assert all(each in made or (file.parent / each).exists() for each in mounts)
        assert "ports" not in service or name == "edge"
    assert set(re.findall(r"secrets/([\w-]+)$", file.read_text(), re.MULTILINE)) == set(compose["secrets"])
    assert all(f"server auth-{number}:8000 " in (file.parent / "servers.conf").read_text() for number in (1, 2))


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_kubernetes_takes_the_manifests(file):
    """
    Every manifest has only fields that exist, in its kind and version.
    """
    run(str(TOOLS / "kubernetes-validate"), "--strict", str(file))


def test_pods_have_no_more_than_they_need():
    """
    E7: no root, no privilege, nothing writable but memory, no token, no surprise in the environment; secrets are files.
    """
    found = list(containers())
    assert [each["metadata"]["name"] for each, _, _ in found] == [
        "chalk-auth-limits",
        "chalk-auth-migrate",
        "chalk-auth",
    ]
    for _, pod, container in found:
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "env" not in container
        assert {each["name"]: each["mountPath"] for each in container["volumeMounts"]} == {
            "secrets": "/run/secrets",
            "tmp": "/tmp",  # a mount, not a file of this test
        }


def test_one_server_may_be_away():
    """
    Two replicas, of which a drain or a roll-out takes one at a time; probes ask what each is for.
    """
    (deployment,) = [each for each, _, _ in containers() if each["metadata"]["name"] == "chalk-auth"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (budget,) = [
        each for each in documents(DEPLOY / "kubernetes" / "server.yaml") if each["kind"] == "PodDisruptionBudget"
    ]

    assert (deployment["spec"]["replicas"], budget["spec"]["minAvailable"]) == (2, 1)
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_the_shipped_settings_are_settings():
    """
    What the units, compose and manifests set are variables that exist, with values that the server takes.
    """
    shipped = dict(re.findall(r"^(CHALK_\w+)=(.*)$", (DEPLOY / "settings.env").read_text(), re.MULTILINE))
    (config,) = documents(DEPLOY / "kubernetes" / "config.yaml")

    for each in (shipped, config["data"]):
        read = settings.read({**each, "CHALK_DATABASE_URL": "postgresql://x/y", "CHALK_MASTER_KEY": MASTER_KEY})
        assert read.http.issuer == "https://auth.example.com"
        assert read.http.trusted_proxies


def test_secrets_are_read_from_files(tmp_path):
    """
    E7: what starts the server gives it the secrets of the folder that it is told, and starts nothing without them.
    """
    script = str(DEPLOY / "with-credentials")
    stand_in = tmp_path / "chalk-auth"
    stand_in.write_text('#!/bin/sh\necho "$CHALK_DATABASE_URL|$CHALK_MASTER_KEY|$CHALK_LIMITS_URL|$*"\n')
    stand_in.chmod(0o755)
    surroundings = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(tmp_path)}

    (tmp_path / "database-url").write_text("postgresql://a b\n")
    failed = subprocess.run([script, "serve"], capture_output=True, text=True, env=surroundings, check=False)
    assert (failed.returncode != 0, failed.stdout) == (True, "")
    (tmp_path / "master-key").write_text("k=\n")
    assert run(script, "serve", "--port", "1", env=surroundings) == "postgresql://a b|k=||serve --port 1\n"
    (tmp_path / "limits-url").write_text("redis://:p@a\n")
    assert run(script, "doctor", env=surroundings) == "postgresql://a b|k=|redis://:p@a|doctor\n"


def test_no_host_is_named_that_files_would_be_fetched_from():
    """
    Images are named without a registry, and nothing is downloaded but by package name.
    """
    texts = {file: file.read_text() for file in DEPLOY.rglob("*") if file.is_file()}
    images = [name for text in texts.values() for name in re.findall(r"^(?:FROM|\s*image:) ?(\S+)", text, re.MULTILINE)]

    assert images
    assert [name for name in images if "/" in name or "." in name.partition(":")[0]] == []
    # What people are told to send to a server of their own is another matter.
    run = {file: text for file, text in texts.items() if file.suffix != ".md"}
    assert [str(file) for file, text in run.items() if re.search(r"\b(curl|wget|apt-get|apk) ", text)] == []
