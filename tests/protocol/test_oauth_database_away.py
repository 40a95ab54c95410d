"""The database is away: the OAuth endpoints decide nothing about clients and tokens that they cannot look up."""

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.issue_resource_server_key import issue_resource_server_key
from tests.assertions import ISSUER, a_key, an_assertion, form, register
from tests.builders import Tenant, a_tenant
from tests.conftest import environment, migrate
from tests.databases import take_away

AWAY = {"error": "temporarily_unavailable", "error_description": "The service is temporarily unavailable"}
TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"


class Orphan:
    """An application that has just lost its database, and credentials and tokens from before."""

    def __init__(self, application, clock):
        self.http, self.clock, self.key = application.test_client(), clock, a_key()
        tools = wiring_of(application).tools
        self.tenant, self.signing = a_tenant(tools), a_tenant(tools)
        issued = issue_resource_server_key(ISSUER, tools)
        self.server = Tenant(issued.name, issued.text)
        self.pair = self.http.post("/api/v1/auth/token", json={"api_key": self.tenant.api_key}).json["data"]
        register(self.http, self.signing, self.key)
        self.assertion = an_assertion(self.key, self.signing.id, clock.now())

    def credentials(self):
        """Give every right way to authenticate, as what is sent and what stands in the form."""
        secret = {"client_id": self.tenant.id, "client_secret": self.tenant.api_key}
        return [
            ({"auth": (self.tenant.id, self.tenant.api_key)}, {}),
            ({}, secret),
            ({}, form(self.assertion)),
            ({"auth": (self.server.id, self.server.api_key)}, {}),
        ]


@pytest.fixture
def orphan(request, backend, new_database, clock):
    """Give an application whose database is away."""
    url = new_database(backend)
    migrate(url)
    application = create_app(environment(url, DATABASE_TIMEOUT_SECONDS="1"), clock)
    made = Orphan(application, clock)
    if backend == "sqlite":
        wiring_of(application).tools.database.close()
    take_away(url, lambda: request.getfixturevalue("postgres"))
    yield made
    wiring_of(application).tools.database.close()


def test_nothing_is_confirmed_and_nothing_denied(orphan):
    """
    G9, A21, H3: a revocation is 503 and never 200, a token is neither active nor inactive, and no client is invalid.
    """
    for sent, fields in orphan.credentials():
        for path in (REVOKE, INTROSPECT, TOKEN):
            for token in (orphan.pair["access_token"], orphan.pair["refresh_token"], "unknown"):
                body = {"grant_type": "client_credentials", "token": token, **fields}
                answer = orphan.http.post(path, data=body, **sent)
                assert (answer.status_code, answer.json) == (503, AWAY)
                assert answer.headers["Retry-After"].isdecimal()
                assert "WWW-Authenticate" not in answer.headers


def test_what_can_be_told_without_it_is_told(orphan):
    """
    A21: a credential that is not even written like one is refused as ever, and the documents are served from memory.
    """
    assert orphan.http.post(INTROSPECT, data={"token": "x"}, auth=("x", "y")).status_code == 401
    assert orphan.http.post(INTROSPECT, data=form("x", token="x")).status_code == 401
    assert orphan.http.post(REVOKE, data={"token": "x"}).status_code == 401
    for name in ("oauth-authorization-server", "oauth-protected-resource", "jwks.json"):
        assert orphan.http.get(f"/.well-known/{name}").status_code == 200
