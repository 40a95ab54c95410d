"""The master key is replaced while a server works: by the real commands, and no honest request ever notices."""

import contextlib
import os
import subprocess
import threading
import time

from app import settings as configuration
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from tests.adversary.load import PATIENCE_SECONDS, at_work, until
from tests.adversary.races import WireLine
from tests.builders import Tenant, a_room, a_tenant
from tests.conftest import MANY_GUESSES
from tests.forgery import header_of
from tests.servers import COMMAND, Server, serve

SETTINGS = {"SIGNING_ALGORITHM": "ES256", "KEYRING_MAX_AGE_SECONDS": "1"}


class Client:
    """An honest client: it refreshes one session, and uses its key and its tokens in every other way in between."""

    def __init__(self, server: Server, tenant: Tenant, room_id: str) -> None:
        self.server, self.tenant, self.room_id = server, tenant, room_id
        self.problems: list[str] = []
        self.rounds = 0
        self.signed_under = ""
        self.over = threading.Event()

    def run(self) -> None:
        """Go on until it is over; whatever is not answered with 200 is kept."""
        key = {"X-API-Key": self.tenant.api_key}
        client = {"client_id": self.tenant.id, "client_secret": self.tenant.api_key}
        with contextlib.closing(WireLine(self.server.port)) as line:

            def ask(path, *args, **kwargs):
                answer = line.send(path, *args, **kwargs)
                if answer.status != 200:
                    self.problems.append(f"{path}: {answer.status} {answer.body}")
                return answer.body

            pair = ask("/api/v1/auth/token", {"api_key": self.tenant.api_key})["data"]
            while not self.over.is_set() and not self.problems:
                spent = pair["refresh_token"]
                retry = {"Idempotency-Key": f"refresh-{self.rounds}-of-this-client"}
                for _ in range(2):
                    pair = ask("/api/v1/auth/refresh", {"refresh_token": spent}, headers=retry).get("data", pair)
                self.signed_under = header_of(pair["refresh_token"])["kid"]
                bearer = {"Authorization": f"Bearer {pair['access_token']}"}
                ask(f"/api/v1/rooms/{self.room_id}", headers=bearer)
                ask(f"/api/v1/tenants/{self.tenant.id}", headers=key)
                other = ask("/api/v1/auth/token", {"api_key": self.tenant.api_key}).get("data", pair)
                ask("/oauth/revoke", form={"token": other["refresh_token"], **client})
                ask("/oauth/token", form={"grant_type": "client_credentials", **client})
                told = ask("/oauth/introspect", form={"token": pair["refresh_token"], **client})
                if not told["active"]:
                    self.problems.append("its living refresh token is said to be inactive")
                self.rounds += 1


def one_more_round(clients):
    """Wait until each has begun and ended one since."""
    rounds = [client.rounds for client in clients]
    until(lambda: all(client.rounds > before + 1 for client, before in zip(clients, rounds, strict=True)), clients)


def test_the_master_key_is_replaced_under_load(own_database, tmp_path):
    """
    I4, I6: rotate, rewrap and retire by the real commands, while two clients use their keys, sessions and lost
    answers over two processes: every request is answered, everything moves, and the old master key leaves, unforced.
    """
    folder = tmp_path / "keys"
    given = {"DATABASE_URL": own_database, "KEYS_DIRECTORY": str(folder), **SETTINGS, **MANY_GUESSES}
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    variables = {f"CHALK_{name}": value for name, value in given.items()}

    def command(*arguments):
        return subprocess.run(
            [COMMAND, "master-key", *arguments],
            env=surroundings | variables, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip

    tools = wiring_of(create_app(configuration.read(variables))).tools
    tenant, old = a_tenant(tools), tools.master.id
    room_id = a_room(tools, tenant)
    with (
        serve(own_database, port=None, workers=2, MASTER_KEY=None, KEYS_DIRECTORY=str(folder), **SETTINGS) as server,
        at_work([Client(server, tenant, room_id) for _ in range(2)]) as clients,
    ):
        until(lambda: all(client.rounds >= 1 for client in clients), clients)
        rotated = command("rotate")
        new = rotated.stdout.strip().removeprefix("MASTER_KEY_ID=")
        rewrapped = command("rewrap")
        until(lambda: all(client.signed_under == new for client in clients), clients)
        early = command("retire", "--", old)
        one_more_round(clients)
        past = time.time() - 120
        os.utime(folder / f"master-{old}.key", (past, past))
        retired = command("retire", "--", old)
        one_more_round(clients)
    tools.database.close()

    assert [client.problems for client in clients] == [[]] * 2
    assert (rotated.returncode, rewrapped.returncode, early.returncode, retired.returncode) == (0, 0, 1, 0)
    assert "signing keys: 2 of 2" in rewrapped.stdout
    assert "refused: " in early.stderr
    assert {file.name for file in folder.iterdir()} == {"master.key", f"master-{new}.key"} != {f"master-{old}.key"}
