"""What an admin of ours can do besides revoking tokens: replace an API key, suspend a tenant."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.torture.clients.target import Answer, Credential, Host, send


@dataclass(frozen=True)
class ChalkSteering:
    """By `/api/v1/tenants`, with the keys of an operator and of the tenant itself."""

    rotating: Credential
    ending: Credential
    admin_key: str = field(repr=False)

    def rotate_key(self, host: Host, secret: str, key: str) -> Answer:
        """Replace the API key of `rotating`, without a grace."""
        headers = {"X-API-Key": secret, "Idempotency-Key": key}
        return self._send(host, "POST", f"/{self.rotating.client_id}/rotate-key", {}, headers)

    def new_key(self, host: Host) -> Answer:
        """Issue another API key of `rotating`, as an operator does for a tenant that has lost its own."""
        path = f"/{self.rotating.client_id}/api-keys"
        return self._send(host, "POST", path, {"name": "another"}, {"X-API-Key": self.admin_key})

    def set_suspended(self, host: Host, *, suspended: bool) -> Answer:
        """Suspend the tenant `ending`, or let it act again."""
        status = {"status": "suspended" if suspended else "active"}
        return self._send(host, "PATCH", f"/{self.ending.client_id}", status, {"X-API-Key": self.admin_key})

    @staticmethod
    def _send(host: Host, method: str, path: str, body: object, headers: dict[str, str]) -> Answer:
        parts = urlsplit(host.token)
        url = f"{parts.scheme}://{parts.netloc}/api/v1/tenants{path}"
        return send(host.via, method, url, json.dumps(body), {"Content-Type": "application/json", **headers})
