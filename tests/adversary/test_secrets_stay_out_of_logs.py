"""Logs at DEBUG, errors, and the process list: read by many, and no place for a secret."""

import base64
import json
import logging
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.foundation.logs import JsonLines, blot
from bench.torture.faults.ports import free_port
from tests.builders import an_operator
from tests.clock import StillClock
from tests.conftest import MASTER_KEY, environment, migrate
from tests.servers import COMMAND, running

# Runs a command in place of the shell, with its output in a file: a pipe that nobody reads would stop it.
INTO_FILE = ["/bin/sh", "-c", 'out="$1"; shift; exec "$@" >"$out" 2>&1', "sh"]

KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
SECRET = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJjaGFsayJ9.c2lnbmF0dXJlLW9mLWEtdG9rZW4"
JWE = "eyJhbGciOiJkaXIifQ..aXYtaXYtaXYtaXY.Y2lwaGVydGV4dA.dGFnLXRhZy10YWc"
BASIC = base64.b64encode(f"tenant_x:{KEY}".encode()).decode()


class Journey:
    """A client that remembers every secret it held, and every error it was told."""

    def __init__(self, url):
        self.url = url
        self.secrets = []
        self.errors = []

    def ask(self, path, body=None, headers=None, *, method=None, form=None):
        """Send a request, and give the body of its answer."""
        kind = "application/json" if form is None else "application/x-www-form-urlencoded"
        data = (
            urllib.parse.urlencode(form).encode() if form is not None else json.dumps(body).encode() if body else None
        )
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": kind, **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                self.errors.append(error.read().decode())
            return {}

    def hold(self, *secrets):
        """Remember secrets, and the parts of them that are secret by themselves."""
        for secret in secrets:
            self.secrets += [secret, secret[17:49] if "k_live_" in secret else secret.rpartition(".")[2]]


def live(journey, admin_key):
    """Do everything that works: a tenant, tokens in both dialects, rotations and revocations."""
    made = journey.ask("/api/v1/tenants", {"name": "Acme"}, {"X-API-Key": admin_key})["data"]
    key, basic = made["api_key"], base64.b64encode(f"{made['id']}:{made['api_key']}".encode()).decode()
    journey.hold(admin_key, key)
    journey.secrets.append(basic)
    pair = journey.ask("/api/v1/auth/token", {"api_key": key})["data"]
    headers = {"Idempotency-Key": "request-0123456789"}
    again = [
        journey.ask("/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]}, headers)["data"] for _ in "ab"
    ]
    form = {"grant_type": "client_credentials", "scope": "rooms:read offline_access"}
    granted = journey.ask("/oauth/token", form=form, headers={"Authorization": f"Basic {basic}"})
    form = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"], "client_id": made["id"]}
    renewed = journey.ask("/oauth/token", form={**form, "client_secret": key})
    for each in (pair, *again, granted, renewed):
        journey.hold(each["access_token"], each["refresh_token"])
    journey.ask("/api/v1/rooms", {"name": "Lobby"}, {"Authorization": f"Bearer {pair['access_token']}"})
    path = f"/api/v1/tenants/{made['id']}/rotate-key"
    retry = {"X-API-Key": key, "Idempotency-Key": "a-key-of-one-rotation"}
    given = [journey.ask(path, {"grace_period": 0}, retry)["data"]["api_key"] for _ in "ab"]
    journey.hold(*given)
    journey.secrets.append(retry["Idempotency-Key"])
    successor = journey.ask(path, {"grace_period": 60}, {"X-API-Key": given[1]})["data"]["api_key"]
    journey.hold(successor)
    assert not journey.errors
    return made["id"], successor, again[0]


def err(journey, tenant_id, key, pair):
    """Do everything that fails: wrong, misplaced and malformed credentials, spent and revoked tokens."""
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    access, token = pair["access_token"], pair["refresh_token"]
    journey.secrets += [key[:40], access[:-9], token[:-9]]
    for body in ({"api_key": wrong}, {"api_key": key, "extra": key}, {"api_key": [key]}, {key: key}):
        journey.ask("/api/v1/auth/token", body)
    for header in (f"Bearer {access}x", f"Bearer {access} {access}", f"Basic {access}", f"Bearer {key}", access):
        journey.ask("/api/v1/rooms", headers={"Authorization": header})
    journey.ask(f"/api/v1/rooms?access_token={access}&api_key={key}")
    journey.ask(f"/api/v1/rooms/{access}", headers={"X-API-Key": wrong, "X-Request-Id": key, "Cookie": f"key={key}"})
    journey.ask(f"/api/v1/tenants/{key}", headers={"X-API-Key": key})
    form = {"grant_type": "client_credentials", "client_id": tenant_id}
    for more in (
        {"client_secret": wrong},
        {"client_secret": key, "scope": access},
        {"client_secret": key, "grant_type": token},
    ):
        journey.ask("/oauth/token", form={**form, **more})
    journey.ask("/oauth/token", {"client_secret": key})
    for used in (token[:-1], token, token):
        journey.ask("/api/v1/auth/refresh", {"refresh_token": used})
    journey.ask("/api/v1/auth/revoke", {"refresh_token": token})


def family_of(pid):
    """Give the pids of a process and of all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family_of(int(child)))]


def test_a_servers_whole_life_at_debug_shows_no_secret(backend, new_database, clock, tmp_path):
    """
    B2: a journey with every success and every refusal, then a broken table, leaves no secret in the output of the real
    server at DEBUG, in an error body, or in the process list.
    """
    url, port, output = new_database(backend), free_port(), tmp_path / "output"
    migrate(url)
    tools = wiring_of(create_app(environment(url), clock)).tools
    command = [*INTO_FILE, str(output), COMMAND, "serve", "--port", str(port), "--workers", "1"]

    with running(command, port, url, LOG_LEVEL="DEBUG") as server:
        journey = Journey(server.url)
        tenant_id, key, pair = live(journey, an_operator(tools))
        err(journey, tenant_id, key, pair)
        refusals = len(journey.errors)
        with tools.database.transaction() as connection:
            for table in ("families", "api_keys"):
                connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO broken_{table}")
        journey.ask("/api/v1/auth/token", {"api_key": key})
        journey.ask("/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]})
        journey.ask("/api/v1/rooms", headers={"Authorization": f"Bearer {pair['access_token']}"})
        listed = [Path(f"/proc/{pid}/cmdline").read_text() for pid in family_of(server.process.pid)]
    tools.database.close()

    written = output.read_text()
    assert refusals >= 17
    assert len(journey.errors) == refusals + 3
    assert '"level":"debug"' in written
    assert "Traceback" in written
    told = "".join(journey.errors)
    for secret in (*journey.secrets, MASTER_KEY):
        for place, text in (("log", written), ("error", told), ("process list", "".join(listed))):
            assert secret not in text, f"a secret stands in the {place}"


SECRETS = [(KEY, SECRET), (JWT, JWT.rpartition(".")[2]), (JWE, "Y2lwaGVydGV4dA"), (f"Basic {BASIC}", BASIC)]
PLACES = [
    "{}",
    "key={}",
    "'{}'",
    '{{"key": "{}"}}',
    "a\n{}",
    "a\t{}",
    "\r\n{}\r\n",
    "({})",
    "b'{}'",
    "x%3D{}",
    "&k={}&",
    ":{}:",
    "<{}>",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=["key", "JWT", "JWE", "Basic"])
def test_the_filter_finds_a_secret_wherever_it_stands(text, secret, place):
    """
    B2: at the start of a line, in quotes, in JSON, in a URL: what is written of a secret is `***`.
    """
    message = place.format(text)
    record = logging.LogRecord("chalk", logging.DEBUG, "x", 1, message, (), None)
    record.fields = {"event": message, "number": 5}

    for written in (blot(message), JsonLines(StillClock()).format(record)):
        assert secret not in written
        assert "***" in written


KINDS = [
    *(KEY.replace("sk_live", "ak_test"), KEY.replace("_", "%5F"), KEY[:-3], KEY + "more", f"Basic%20{BASIC}"),
    *(f"bearer {JWT}", "client_secret=hunter2", '{"refresh_token": "hunter2"}', "password='hunter2'"),
    *("api_key: hunter2", "MASTER_KEY=hunter2", "host=x password=hunter2", "postgres://:hunter2@db"),
    *("postgresql+psycopg://chalk:hunter2@db/chalk", "postgresql://u:hun/ter2@db"),
]


@pytest.mark.parametrize("text", KINDS)
def test_the_filter_knows_every_kind_of_secret(text):
    """
    B2: keys of every kind, cut or encoded, named parameters, and passwords in database URLs are blotted out.
    """
    for secret in ("hunter2", "ter2", SECRET[:20], BASIC, JWT.rpartition(".")[2]):
        assert secret not in blot(text)
    assert "***" in blot(text)


def test_the_filter_covers_stack_traces_and_leaves_ids():
    """
    B2: an exception that carries a key is logged without it; the ids that operators need stay readable.
    """
    try:
        raise RuntimeError(f"no such key\n{KEY}")
    except RuntimeError:
        record = logging.LogRecord("chalk", logging.ERROR, "x", 1, "failed", (), sys.exc_info())
    record.fields = {"key": "key_7Hq2Zt9B", "tenant": "tenant_01m866btzvesstbkzgkbbr8m7s"}

    line = json.loads(JsonLines(StillClock()).format(record))

    assert SECRET not in line["exception"]
    assert "sk_live_7Hq2Zt9B_***" in line["exception"]
    assert (line["key"], line["tenant"]) == ("key_7Hq2Zt9B", "tenant_01m866btzvesstbkzgkbbr8m7s")


@pytest.mark.parametrize(
    "text", ["a", "eyJ", "sk_live_", "x://", "://", "password", "Basic ", "a:", "a@", "%20", ".", "eyJ."]
)
def test_the_filter_is_no_way_to_stop_the_server(text):
    """
    A16, B2: text of 200,000 characters, however much it looks like secrets, is filtered in well under a second.
    """
    before = time.perf_counter()

    blot(text * (200_000 // len(text)))

    assert time.perf_counter() - before < 1


@pytest.mark.parametrize(("text", "secret"), SECRETS, ids=["key", "JWT", "JWE", "Basic"])
def test_the_filter_leaves_no_half_of_a_secret(text, secret):
    """
    B2: where a long line is shortened, a secret that stands across the cut is not left there without its beginning.
    """
    for before in range(9_970 - len(text), 10_010, 3):
        margin, rest = (". " * before)[:before], ". " * 10_000
        for line in (f"{margin} {text} {rest}", f"{rest} {text} {margin}"):
            assert secret[-12:] not in blot(line)
