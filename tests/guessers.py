"""Guessers, and whom they guess at: every door that takes a credential, and credentials that are right or wrong."""

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain import api_keys
from app.domain.api_keys.format import compose
from app.flows.tools import Tools
from app.foundation.identifiers import print_id
from app.foundation.opaque import random_base62
from tests.assertions import a_key, an_assertion, form, register
from tests.builders import Tenant, a_key_holding

# Strict, so that few requests reach a limit; the test client is a proxy of ours, as its address is 127.0.0.1.
STRICT = {"GUESSES_PER_SOURCE": "5", "GUESSES_PER_CREDENTIAL": "3", "TRUSTED_PROXIES": "127.0.0.1"}
SOURCE, EXCHANGE, REFRESH = "192.0.2.1", "/api/v1/auth/token", "/api/v1/auth/refresh"
OAUTH = ("/oauth/token", "/oauth/revoke", "/oauth/introspect")

Ask = Callable[..., Any]


def at(source: str) -> dict[str, Any]:
    """Give what makes a request come from an address."""
    return {"environ_overrides": {"REMOTE_ADDR": source}}


def exchange(http: FlaskClient, client: Tenant, source: str) -> Any:
    """Exchange a key."""
    return http.post(EXCHANGE, json={"api_key": client.api_key}, **at(source))


def by_key(path: str) -> Ask:
    """Give a door of Chalk JSON that takes a key."""

    def ask(http: FlaskClient, client: Tenant, source: str) -> TestResponse:
        return http.get(path.format(client.id), headers={"X-API-Key": client.api_key}, **at(source))

    return ask


def by_oauth(path: str, way: str) -> Ask:
    """Give a door of OAuth, where a client authenticates in this way; an assertion stands in place of its key."""

    def ask(http: FlaskClient, client: Tenant, source: str) -> TestResponse:
        usual = {"grant_type": "client_credentials", "token": "x"}
        if way == "basic":
            return http.post(path, data=usual, auth=(client.id, client.api_key), **at(source))
        secret = {"client_id": client.id, "client_secret": client.api_key}
        fields = secret if way == "post" else form(client.api_key)
        return http.post(path, data={**usual, **fields}, **at(source))

    return ask


DOORS: dict[str, Ask] = {
    "exchange": exchange,
    "tenant": by_key("/api/v1/tenants/{}"),
    "rooms": by_key("/api/v1/rooms"),
    **{f"{path} by {way}": by_oauth(path, way) for path in OAUTH for way in ("basic", "post", "assertion")},
}


def refresh(http: FlaskClient, refresh_token: str, source: str) -> Any:
    """Present a refresh token."""
    return http.post(REFRESH, json={"refresh_token": refresh_token}, **at(source))


class Secrets:
    """Of a tenant whose key is its secret: what is right, and all that is not."""

    def __init__(self, tools: Tools, tenant: Tenant) -> None:
        self._tenant = tenant
        dead = a_key_holding("rooms:read", tenant, tools)
        revoke(tools, dead)
        self.wrong = [self._showing("nonsense"), self.named(), self._showing(_unknown()), dead]

    def right(self) -> Tenant:
        """Give what the tenant shows."""
        return self._tenant

    def named(self) -> Tenant:
        """Give what somebody shows who knows the id of its key and no more."""
        return self._showing(compose("sk", "live", id_of(self._tenant), random_base62(32)))

    def _showing(self, secret: str) -> Tenant:
        return dataclasses.replace(self._tenant, api_key=secret)


class Assertions:
    """The same of a tenant whose client signs assertions."""

    def __init__(self, http: FlaskClient, tools: Tools, tenant: Tenant) -> None:
        self._tenant, self._tools, self._key = tenant, tools, a_key()
        register(http, tenant, self._key)
        replayed = self.right()
        DOORS["/oauth/token by assertion"](http, replayed, "203.0.113.99")
        self.wrong = [
            Tenant(tenant.id, "x.y.z"),
            self.named(),
            self._signed(print_id("tenant", uuid.uuid4())),
            replayed,
        ]

    def right(self) -> Tenant:
        """Give what the client shows, each time another."""
        return self._signed(self._tenant.id)

    def named(self) -> Tenant:
        """Give what somebody shows who knows its id, and the name of its key."""
        forged = dataclasses.replace(a_key(number=1), kid=self._key.kid)
        return Tenant(self._tenant.id, an_assertion(forged, self._tenant.id, self._tools.clock.now()))

    def _signed(self, client_id: str) -> Tenant:
        return Tenant(client_id, an_assertion(self._key, client_id, self._tools.clock.now()))


def id_of(tenant: Tenant) -> str:
    """Give the id of a tenant's key."""
    return tenant.api_key.split("_")[2]


def revoke(tools: Tools, tenant: Tenant) -> None:
    """Revoke a tenant's key."""
    with tools.database.transaction() as connection:
        api_keys.revoke(connection, id_of(tenant), now=tools.clock.now())


def told(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Give all that an answer tells its caller, but the name of the request."""
    return answer.status_code, answer.data, [each for each in answer.headers if each[0] != "X-Request-Id"]


def _unknown() -> str:
    return compose("sk", "live", random_base62(8), random_base62(32))
