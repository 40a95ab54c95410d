"""A thief of the database: nothing in it is a credential, nor makes one without the master key."""

import base64
import hashlib
import hmac
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.foundation import master_key, opaque
from tests.builders import a_pair, a_room, a_tenant, an_operator
from tests.conftest import MASTER_KEY, environment, migrate

SECRET = base64.urlsafe_b64decode(MASTER_KEY)


def refreshed(http, token, retry):
    headers = {"Idempotency-Key": retry}
    return http.post("/api/v1/auth/refresh", json={"refresh_token": token}, headers=headers).json["data"]


def rotated(http, tenant, retry):
    path = f"/api/v1/tenants/{tenant.id}/rotate-key"
    headers = {"X-API-Key": tenant.api_key, "Idempotency-Key": retry}
    given = [http.post(path, json={"grace_period": 60}, headers=headers).json["data"]["api_key"] for _ in range(2)]
    assert given[0] == given[1]  # it is remembered
    return [given[0], retry]


@pytest.fixture
def loot(request, backend, new_database, clock):
    """A database of its own in which a hundred credentials were issued and used, with those credentials."""
    url = new_database(backend)
    migrate(url)
    application = create_app(environment(url), clock)
    tools, http = wiring_of(application).tools, application.test_client()
    tenants = [a_tenant(tools) for _ in range(20)]
    issued = [tenant.api_key for tenant in tenants] + [an_operator(tools) for _ in range(4)]
    for number, tenant in enumerate(tenants):
        pair = a_pair(tools, tenant, a_room(tools, tenant) if number % 2 else None)
        retry = f"idempotency-key-of-request-{number}"
        fresh = refreshed(http, pair.refresh_token, retry)
        issued += [pair.access_token, str(pair.refresh_token), fresh["access_token"], fresh["refresh_token"], retry]
    for number, tenant in enumerate(tenants[:4]):
        issued += rotated(http, tenant, f"idempotency-key-of-rotation-{number}")
    yield url, tools, issued
    tools.database.close()


def dumped(url, tools):
    """Give every byte of the database: the files of SQLite with its log, or every row of every PostgreSQL table."""
    if url.startswith("sqlite"):
        folder = Path(url.removeprefix("sqlite:///")).parent
        return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))

    everything = b""
    with psycopg.connect(
        str(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    ) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert {"api_keys", "families", "replies", "signing_keys", "tenants", "rooms"} <= {name for (name,) in tables}
        for (name,) in tables:
            for row in connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall():
                everything += (
                    b"\n".join(each if isinstance(each, bytes) else str(each).encode() for each in row) + b"\n"
                )
    return everything


def traces(secret):
    """Give the forms in which a secret may lie about: as it is, in hex, in base64."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    plain = [raw, raw.hex().encode(), raw.hex().upper().encode()]
    return plain + [encode(raw).rstrip(b"=") for encode in (base64.b64encode, base64.urlsafe_b64encode)]


def assert_nowhere(secrets, dump):
    for secret in secrets:
        assert len(secret) >= 16
        for trace in traces(secret):
            assert trace not in dump


def test_a_hundred_credentials_leave_no_trace(loot):
    """
    B1: no key, access token or refresh token, nor the secret part or the signature of one, stands in the database.
    """
    url, tools, issued = loot
    assert len([each for each in issued if not each.startswith("idempotency")]) >= 100
    parts = [each[17:] for each in issued if "k_live_" in each] + [each[17:49] for each in issued if "k_live_" in each]
    parts += [segment for each in issued if each.count(".") == 2 for segment in each.split(".")[1:]]

    dump = dumped(url, tools)

    assert issued[0][8:16].encode() in dump  # the ids are there: the right database was read
    assert_nowhere([*issued, *parts], dump)


def test_no_key_of_ours_lies_beside_what_it_protects(loot):
    """
    B1, CONTRACT 7: neither the master key, nor a key derived from it, nor a private key in clear is in the database.
    """
    url, tools, _ = loot
    derived = tools.master
    private = tools.keyring.signer.key.as_dict(private=True)
    numbers = [private[name] for name in ("d", "p", "q", "dp", "dq", "qi")]
    decoded = [base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)) for number in numbers]

    dump = dumped(url, tools)

    assert_nowhere([SECRET, MASTER_KEY, derived.pepper, derived.refresh, derived.retry_tags, derived.wrapping], dump)
    assert_nowhere([derived.cursors, derived.replies, *numbers, *decoded], dump)
    assert tools.keyring.signer.kid.encode() in dump  # its name is there
    assert b"PRIVATE KEY" not in dump
    assert b'"d"' not in dump


def test_a_mac_verifies_under_the_pepper_alone(loot):
    """
    B1, CONTRACT 2: what is stored of a key is not its hash, under no guessable key, and under no other master's pepper.
    """
    _, tools, issued = loot
    key = issued[0]
    with tools.database.reading() as connection:
        row = connection.exec_driver_sql(f"SELECT mac FROM api_keys WHERE id = '{key[8:16]}'").one()
    stored = bytes(row.mac)

    assert stored == opaque.mac(tools.master.pepper, key)
    framed = len(key).to_bytes(4) + key.encode()
    assert stored == hmac.digest(tools.master.pepper, framed, "sha256")
    other = master_key.derive(bytes(32))
    guesses = [
        b"",
        b"chalk-auth",
        key[8:16].encode(),
        tools.master.id.encode(),
        other.pepper,
        tools.master.refresh,
        SECRET,
    ]
    for guess in guesses:
        assert stored not in {
            hmac.digest(guess, text, "sha256") for text in (framed, key.encode(), key[17:49].encode())
        }
    for name in ("sha256", "sha3_256", "blake2s"):
        assert stored not in {hashlib.new(name, text).digest() for text in (framed, key.encode())}


def test_a_stolen_database_under_another_master_key_gives_nothing(loot, clock):
    """
    B1: a thief who runs our own server on the copy, without the master key, has no key, token or signature that works.
    """
    url, _, issued = loot
    thief = create_app(environment(url, MASTER_KEY=base64.b64encode(bytes(32)).decode()), clock, warm=False)
    http = thief.test_client()

    refresh = [each for each in issued if each.count(".") == 2][1]
    assert http.get("/.well-known/jwks.json").status_code == 500
    assert http.get("/api/v1/rooms", headers={"X-API-Key": issued[5]}).status_code == 503
    assert http.post("/api/v1/auth/refresh", json={"refresh_token": refresh}).status_code in {500, 503}
    wiring_of(thief).tools.database.close()
