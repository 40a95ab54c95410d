"""A resource server: keeps the JWKS, verifies access tokens offline, and looks whether documents are served."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bench.torture.clients.requests import Requests
from bench.torture.clients.target import Host
from bench.torture.history import Operation

_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]


class Verifier:
    """One resource server that asks every host in turn, past the proxy of the clients."""

    def __init__(self, requests: Requests, every_seconds: float) -> None:
        self.over = threading.Event()
        self.problems: list[str] = []
        self.offline = 0
        self._requests = requests
        self._every_seconds = every_seconds
        self._keys: Mapping[str, Any] = {}
        self._last_access = ""

    def run(self) -> None:
        """Look at every host, again and again, until it is over."""
        while not self.over.wait(self._every_seconds):
            for host in self._requests.target.hosts:
                self.look_at(host)

    def look_at(self, host: Host) -> None:
        """Get what must always be served, and verify offline with what was kept."""
        for url in host.documents:
            self._requests.get(host, url)
        fetched = self._requests.get(host, host.jwks)[1] if host.jwks else None
        if fetched is not None and fetched.ok:
            self._keys = fetched.body
        if host.resource and self._last_access:
            self._requests.get(host, host.resource, self._last_access)
        if self._last_access and self._keys and not problem(self._last_access, self._keys):
            self.offline += 1

    def show(self, access: str) -> None:
        """Give it an access token to verify."""
        self._last_access = access


def verify_all(requests: Requests, operations: Sequence[Operation]) -> None:
    """Fetch the JWKS of a host, and verify every access token that was ever acknowledged; I9 reads what came of it."""
    host = next((each for each in requests.target.hosts if each.jwks), None)
    if host is None:
        return
    keys = requests.get(host, host.jwks)[1].body
    for each in operations:
        # An opaque token is for introspection.
        if each.kind in {"issue", "refresh"} and each.access.count(".") == 2:
            now = requests.history.now()
            wrong = problem(each.access, keys)
            requests.history.add(
                Operation(
                    client=requests.name,
                    role="probe",
                    kind="verify",
                    invoked=now,
                    returned=now,
                    outcome="refused" if wrong else "ok",
                    session=each.session,
                    tenant=each.tenant,
                    access=each.access,
                    error=wrong,
                )
            )


def problem(access: str, keys: Mapping[str, Any]) -> str:
    """Verify the signature of an access token; what is wrong, or nothing."""
    try:
        jws.deserialize_compact(access, KeySet.import_key_set(dict(keys)), algorithms=_ALGORITHMS)  # type: ignore[arg-type]
    except (JoseError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return ""
