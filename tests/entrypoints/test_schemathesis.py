"""
The OpenAPI document and the server agree, under schemathesis: requests that fit the document and requests that do
not, in chains too, with every check that it knows.

How it calls, and the few exceptions with their reasons: tests/entrypoints/schemathesis.toml.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from app.flows.issue_resource_server_key import issue_resource_server_key
from tests import builders
from tests.house.sources import ROOT
from tests.live import Live, live_server

COMMAND = str(Path(sys.executable).parent / "schemathesis")
CONFIGURATION = ROOT / "tests" / "entrypoints" / "schemathesis.toml"

BY_KEY = '\n[auth.openapi.apiKey]\napi_key = "${KEY}"\n'
BY_TOKEN = '\n[auth.openapi.bearer]\nbearer = "${ACCESS_TOKEN}"\n'
BY_TWO_TENANTS = '\n[auth.wfc]\npath = "${TENANTS}"\npeers = ["one", "other"]\n'
BY_CLIENT = '\n[auth.openapi.clientBasic]\nusername = "${CLIENT_ID}"\npassword = "${CLIENT_SECRET}"\n'
# A tenant's own key ends with what these do to its tenant; so that the other operations keep it, they have spare ones.
ON_SPARE_TENANTS = "".join(
    f"""
[[operations]]
include-operation-id = "{operation}"
headers = {{ X-API-Key = "${{{spare}_KEY}}" }}
parameters = {{ "path.tenant_id" = "${{{spare}_ID}}" }}
"""
    for operation, spare in (
        ("tenants_change", "CHANGED"),
        ("tenants_delete", "DELETED"),
        ("tenants_rotate_key", "ROTATED"),
    )
)
# Keys likewise: the caller's own must outlive what is done to keys.
ON_SPARE_KEYS = "".join(
    f"""
[[operations]]
include-operation-id = "api_keys_{operation}"
headers = {{ X-API-Key = "${{KEYS_KEY}}" }}
parameters = {{ "path.tenant_id" = "${{KEYS_ID}}", "path.key_id" = "${{KEY_TO_{operation.upper()}}}" }}
"""
    for operation in ("change", "delete", "rotate", "list_uses")
)
ON_A_SPARE_PARTICIPANT = """
[[operations]]
include-operation-id = "participants_delete"
parameters = { "path.room_id" = "${ROOM}", "path.participant_id" = "${REMOVED}" }
"""

SPARED = ON_SPARE_TENANTS + ON_SPARE_KEYS + ON_A_SPARE_PARTICIPANT

# They want a secret in their body, or somebody who is in a room, which no schema tells: tests/clients/ and
# tests/entrypoints/ know theirs.
UNREACHED = {
    ("post", "/api/v1/auth/token"),
    ("post", "/api/v1/auth/refresh"),
    ("post", "/api/v1/rooms/{room_id}/participants/{participant_id}/token"),
    # Of sessions that live there are few, since the same run ends them all: now and then none is left.
    ("delete", "/api/v1/sessions/{session_id}"),
}

Answered = set[tuple[str, str, int]]


@pytest.fixture(scope="module")
def live(new_database: Callable[[str], str]) -> Iterator[Live]:
    """A server for this file."""
    with live_server(new_database("sqlite")) as server:
        yield server


def as_a_tenant(live: Live) -> dict[str, str]:
    """Give what a tenant calls with: its key, also as its OAuth client's secret; and what it can spare."""
    tenant = builders.a_tenant(live.tools)
    builders.a_room(live.tools, tenant)
    names = {"KEY": tenant.api_key, "CLIENT_ID": tenant.id, "CLIENT_SECRET": tenant.api_key}
    names["ROOM"] = builders.a_room(live.tools, tenant)
    names["REMOVED"] = builders.a_participant(live.tools, tenant, names["ROOM"]).id
    for spare in ("CHANGED", "DELETED", "ROTATED", "KEYS"):
        other = builders.a_tenant(live.tools)
        names |= {f"{spare}_ID": other.id, f"{spare}_KEY": other.api_key}

    for operation in ("CHANGE", "DELETE", "ROTATE", "LIST_USES"):
        second = builders.a_key_holding("rooms:read", builders.Tenant(names["KEYS_ID"], ""), live.tools)
        names[f"KEY_TO_{operation}"] = f"key_{second.api_key[8:16]}"

    answer = requests.post(f"{live.url}/api/v1/auth/token", json={"api_key": tenant.api_key}, timeout=10)
    return names | {"ACCESS_TOKEN": answer.json()["data"]["access_token"]}


def as_an_operator(live: Live) -> dict[str, str]:
    """Give what an operator calls with; the OAuth client is a resource server, whose credential is its operator's."""
    key, client = builders.an_operator(live.tools), issue_resource_server_key(live.url, live.tools)
    return {"KEY": key, "CLIENT_ID": client.name, "CLIENT_SECRET": client.text}


def run(live: Live, folder: Path, callers: str, names: Mapping[str, str], *options: str) -> Answered:
    """
    Run schemathesis, and give which operations were answered with which statuses.

    Raises:
        AssertionError: it found something; its report is the message.
    """
    configuration, record = folder / "schemathesis.toml", folder / "record.har"
    configuration.write_text(CONFIGURATION.read_text() + callers)
    report = ["--report", "har", "--report-har-path", str(record), "--report-preserve-bytes", "--warnings", "off"]
    done = subprocess.run(
        [COMMAND, "--config-file", str(configuration), "run", f"{live.url}/openapi.json", "--no-color",
         *report, *options],
        cwd=ROOT, env=os.environ | names, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    entries = json.loads(record.read_text())["log"]["entries"]
    return {answered(entry, live.url) for entry in entries}


def answered(entry: Mapping[str, Any], base: str) -> tuple[str, str, int]:
    """Read a recorded request as an operation, and the status that it got."""
    path = entry["request"]["url"].removeprefix(base).split("?")[0]
    path = re.sub(r"^(/api/v1/(room|session|tenant)s)/[^/]+", r"\1/{\2_id}", path)
    path = re.sub(r"(/api-keys)/[^/]+", r"\1/{key_id}", path)
    path = re.sub(r"(/participants)/(?!bulk$)[^/]+", r"\1/{participant_id}", path)
    return entry["request"]["method"].lower(), path, entry["response"]["status"]


def test_what_is_documented_is_what_happens(live, tmp_path_factory):
    """
    To a tenant, to an operator and to the bearer of an access token, every operation of both dialects answers as the
    document says: no 5xx, no status, header or body that it does not know; and each was seen to succeed.
    """
    tenant, operator, token = (tmp_path_factory.mktemp(caller) for caller in ("tenant", "operator", "token"))

    seen = run(live, tenant, BY_KEY + BY_CLIENT + SPARED, as_a_tenant(live))
    seen |= run(live, operator, BY_KEY + BY_CLIENT, as_an_operator(live))
    seen |= run(live, token, BY_TOKEN, as_a_tenant(live), "--include-path-regex", "^/api/v1/rooms")

    document = requests.get(f"{live.url}/openapi.json", timeout=10).json()
    described = {(method, path) for path, operations in document["paths"].items() for method in operations}
    assert described - {(method, path) for method, path, status in seen if status < 300} <= UNREACHED


def test_what_a_tenant_owns_no_other_tenant_can_read(live, tmp_path):
    """
    Whatever one tenant makes or lists, the same request with another tenant's key does not get it.
    """
    one, other = as_a_tenant(live), as_a_tenant(live)
    tenants = tmp_path / "tenants.json"
    keys = {"one": one["KEY"], "other": other["KEY"]}
    users = [{"name": name, "fixedHeaders": [{"name": "X-API-Key", "value": key}]} for name, key in keys.items()]
    tenants.write_text(json.dumps({"auth": users}))

    seen = run(
        live, tmp_path, BY_TWO_TENANTS + ON_SPARE_TENANTS + ON_SPARE_KEYS, one | {"TENANTS": str(tenants)},
        "--include-path-regex", "^/api/v1/(rooms|tenants)",
    )  # fmt: skip

    assert {("get", "/api/v1/rooms", 200), ("get", "/api/v1/rooms/{room_id}", 200)} <= seen
