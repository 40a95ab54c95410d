"""Keys rotate, and are revoked, while four worker processes issue tokens: whoever caches the JWKS never notices."""

import contextlib
import threading
import time
import urllib.request
from datetime import timedelta

from sqlalchemy import update

from app.domain.signing_keys.tables import SigningKeyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.activate_signing_key import activate_signing_key
from app.flows.revoke_signing_key import revoke_signing_key
from app.flows.tend_signing_keys import tend_signing_keys
from tests.adversary.load import PATIENCE_SECONDS, at_work, until
from tests.adversary.races import WireLine
from tests.builders import a_pair, a_tenant
from tests.conftest import environment
from tests.forgery import header_of
from tests.servers import Server, serve
from tests.signing_keys import Jwk, published, records, the, verify

SETTINGS = {"SIGNING_ALGORITHM": "ES256", "JWKS_MAX_AGE_SECONDS": "10", "KEYRING_MAX_AGE_SECONDS": "1"}
CACHE_SECONDS = 3


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


def test_rotations_under_load_are_not_noticed(own_database):
    """
    E2, E3: whatever four processes issue, through three rotations, verifies from a JWKS that was
    fetched before, from one fetched after, and at our own API; every request is answered.
    """
    tools = wiring_of(create_app(environment(own_database, **SETTINGS))).tools
    tend_signing_keys(tools)
    tenant = a_tenant(tools)
    signed_with = [the(tools, "active")]
    with (
        serve(own_database, port=None, workers=4, **SETTINGS) as server,
        at_work([Client(server, tenant.api_key) for _ in range(4)]) as clients,
    ):
        for _ in range(3):
            standby = the(tools, "standby")
            until(lambda kid=standby: all(kid in client.keys for client in clients), clients)
            signed_with.append(activate_signing_key(standby, "every verifier has it", tools))
            until(lambda kid=standby: all(client.signed_with() == kid for client in clients), clients)
        after = jwks_of(server)
    tools.database.close()

    tokens = [token for client in clients for token in client.tokens]
    assert [client.problems for client in clients] == [[]] * 4
    assert {header_of(token)["kid"] for token in tokens} == set(signed_with)
    for token in tokens:
        verify(token, after)


def let_time_pass(tools, **delta):
    """Make the keys older than they are: a server of its own asks the machine for the time, which no test can move."""
    past = tools.clock.now() - timedelta(**delta)
    with tools.database.transaction() as connection:
        connection.execute(update(SigningKeyRow).values(published_at=past))
        connection.execute(update(SigningKeyRow).where(SigningKeyRow.state == "active").values(activated_at=past))


def test_the_schedule_rotates_under_load_by_itself(own_database):
    """
    E2, E3: when the active key's time is over, one of four processes lets the standby sign, in passing and unforced;
    whoever had fetched the JWKS before verifies all that is issued, and another standby is published.
    """
    tools = wiring_of(create_app(environment(own_database, **SETTINGS))).tools
    tend_signing_keys(tools)
    tenant = a_tenant(tools)
    old, new = the(tools, "active"), the(tools, "standby")
    with (
        serve(own_database, port=None, workers=4, **SETTINGS) as server,
        at_work([Client(server, tenant.api_key) for _ in range(4)]) as clients,
    ):
        until(lambda: all(new in client.keys and client.signed_with() == old for client in clients), clients)
        let_time_pass(tools, days=90)
        until(lambda: all(client.signed_with() == new for client in clients), clients)
        until(lambda: len(jwks_of(server)) == 3, clients)
        after = jwks_of(server)
    states = {each.kid: (each.state, each.reason) for each in records(tools)}
    tools.database.close()

    assert [client.problems for client in clients] == [[]] * 4
    assert (states.pop(old), states.pop(new)) == (("retired", None), ("active", None))
    assert list(states.values()) == [("standby", None)]
    for client in clients:
        for token in client.tokens:
            verify(token, after)


def test_an_emergency_reaches_every_process_at_once(own_database):
    """
    E6: from the answer of `revoke` on, no process takes a token of that key, neither our API nor introspection.
    """
    tools = wiring_of(create_app(environment(own_database, **SETTINGS))).tools
    tend_signing_keys(tools)
    tenant = a_tenant(tools)
    token = a_pair(tools, tenant).access_token
    form = {"token": token, "client_id": tenant.id, "client_secret": tenant.api_key}

    def answers(server):
        # A connection each, and more of them than processes.
        for _ in range(16):
            with contextlib.closing(WireLine(server.port)) as line:
                used = line.send("/api/v1/rooms", headers={"Authorization": f"Bearer {token}"})
                yield used.status, line.send("/oauth/introspect", form=form).body["active"]

    with serve(own_database, port=None, workers=4, **SETTINGS) as server:
        before = set(answers(server))
        revoke_signing_key(header_of(token)["kid"], "it got out", tools)
        after = set(answers(server))
    tools.database.close()

    assert (before, after) == ({(200, True)}, {(401, False)})
