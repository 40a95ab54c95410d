"""Keys rotate while four worker processes issue tokens: whoever caches the JWKS never notices."""

import contextlib
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.activate_signing_key import activate_signing_key
from app.flows.tend_signing_keys import tend_signing_keys
from tests.adversary.races import WireLine
from tests.builders import a_tenant
from tests.conftest import environment
from tests.forgery import header_of
from tests.servers import Server, serve
from tests.signing_keys import Jwk, published, the, verify

SETTINGS = {"SIGNING_ALGORITHM": "ES256", "JWKS_MAX_AGE_SECONDS": "10", "KEYRING_MAX_AGE_SECONDS": "1"}
CACHE_SECONDS = 3
PATIENCE_SECONDS = 60


class Client:
    """Exchanges a key again and again over one connection, and verifies what it gets from a JWKS fetched before."""

    def __init__(self, server: Server, api_key: str) -> None:
        self.server = server
        self.api_key = api_key
        self.tokens: list[str] = []
        self.problems: list[str] = []
        self.keys: dict[str, Jwk] = {}
        self.over = threading.Event()

    def signed_with(self) -> str | None:
        """Tell which key signed its latest token."""
        kid: str | None = header_of(self.tokens[-1])["kid"] if self.tokens else None
        return kid

    def run(self) -> None:
        """Go on until it is over; whatever goes wrong is kept."""
        fetched_at = -1.0
        with contextlib.closing(WireLine(self.server.port)) as line:
            while not self.over.is_set():
                if time.monotonic() - fetched_at >= CACHE_SECONDS or fetched_at < 0:
                    self.keys, fetched_at = jwks_of(self.server), time.monotonic()
                answer = line.send("/api/v1/auth/token", {"api_key": self.api_key})
                if answer.status != 200:
                    self.problems.append(f"{answer.status} {answer.body}")
                    continue
                token = answer.body["data"]["access_token"]
                self.tokens.append(token)
                if header_of(token)["kid"] not in self.keys:
                    self.problems.append("unknown kid")
                    continue
                verify(token, self.keys)
                used = line.send("/api/v1/rooms", headers={"Authorization": f"Bearer {token}"})
                if used.status != 200:
                    self.problems.append(f"{used.status} at our own API")


def jwks_of(server: Server) -> dict[str, Jwk]:
    """Fetch the JWKS, over a connection and so from a worker of its own."""
    with urllib.request.urlopen(f"{server.url}/.well-known/jwks.json", timeout=PATIENCE_SECONDS) as answer:
        return published(answer.read())


@contextlib.contextmanager
def at_work(server: Server, api_key: str) -> Iterator[list[Client]]:
    """Let clients work until the block ends."""
    clients = [Client(server, api_key) for _ in range(4)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.over.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


def until(condition) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it never came to pass")
        threading.Event().wait(0.05)


def test_rotations_under_load_are_not_noticed(own_database):
    """
    E2, E3: whatever four processes issue, through three rotations, verifies from a JWKS that was
    fetched before, from one fetched after, and at our own API; every request is answered.
    """
    tools = wiring_of(create_app(environment(own_database, **SETTINGS))).tools
    tend_signing_keys(tools)
    tenant = a_tenant(tools)
    signed_with = [the(tools, "active")]
    with serve(own_database, port=None, workers=4, **SETTINGS) as server, at_work(server, tenant.api_key) as clients:
        for _ in range(3):
            standby = the(tools, "standby")
            until(lambda kid=standby: all(kid in client.keys for client in clients))
            signed_with.append(activate_signing_key(standby, "every verifier has it", tools))
            until(lambda kid=standby: all(client.signed_with() == kid for client in clients))
        after = jwks_of(server)
    tools.database.close()

    tokens = [token for client in clients for token in client.tokens]
    assert [client.problems for client in clients] == [[]] * 4
    assert {header_of(token)["kid"] for token in tokens} == set(signed_with)
    for token in tokens:
        verify(token, after)
