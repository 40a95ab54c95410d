"""RFC 7662: resource servers, which see the access tokens of their audience, of every tenant, and nothing else."""

import os
import subprocess

import pytest

from app.flows.issue_resource_server_key import issue_resource_server_key
from tests.assertions import ISSUER
from tests.builders import Tenant, a_room, a_tenant
from tests.conftest import MASTER_KEY, ROOT
from tests.forgery import claims_of
from tests.servers import COMMAND

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
BILLING = "https://billing.example"
INACTIVE = {"active": False}


@pytest.fixture(scope="module")
def application(make_app):
    """The application with a second audience, whose resource server introspects."""
    return make_app(AUDIENCES=f"{ISSUER},{BILLING},https://unused.example")


def a_resource_server(tools, audience):
    """The credential of the resource server of an audience, in the place of a tenant's."""
    key = issue_resource_server_key(audience, tools)
    return Tenant(key.name, key.text)


def pair_of(http, tenant, **more):
    asked = {"grant_type": "client_credentials", "scope": "rooms:read offline_access", **more}
    answer = http.post(TOKEN, data=asked, auth=(tenant.id, tenant.api_key))
    assert answer.status_code == 200, answer.text
    return answer.json


def introspect(http, caller, token, *, by="basic", **more):
    data = {"token": token, **more}
    if by == "post":
        answer = http.post(INTROSPECT, data={**data, "client_id": caller.id, "client_secret": caller.api_key})
    else:
        answer = http.post(INTROSPECT, data=data, auth=(caller.id, caller.api_key))
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_resource_server_sees_access_tokens_of_its_audience_alone(http, tools, tenant):
    """
    H1, H3: it reads what is addressed to it, of any tenant; not what is addressed elsewhere, and never a refresh token.
    """
    billing, rooms = (a_resource_server(tools, audience) for audience in (BILLING, ISSUER))
    for owner in (tenant, a_tenant(tools)):
        to_billing, to_rooms = pair_of(http, owner, resource=BILLING), pair_of(http, owner)

        for by in ("basic", "post"):
            told = introspect(http, billing, to_billing["access_token"], by=by)
            assert told == {"active": True, "token_type": "Bearer", **claims_of(to_billing["access_token"])}
            assert introspect(http, billing, to_rooms["access_token"], by=by) == INACTIVE
        assert introspect(http, rooms, to_rooms["access_token"])["active"]
        assert introspect(http, rooms, to_billing["access_token"]) == INACTIVE
        for caller in (billing, rooms):
            for pair in (to_billing, to_rooms):
                assert introspect(http, caller, pair["refresh_token"]) == INACTIVE
                assert introspect(http, caller, pair["refresh_token"], token_type_hint="refresh_token") == INACTIVE


def command(database_url, *arguments):
    """Run `chalk-auth resource-server create`, in the settings of this file."""
    given = {"DATABASE_URL": database_url, "MASTER_KEY": MASTER_KEY, "AUDIENCES": f"{ISSUER},{BILLING}"}
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    return subprocess.run(
        [COMMAND, "resource-server", "create", *arguments],
        cwd=ROOT,
        env=surroundings | {f"CHALK_{name}": value for name, value in given.items()},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_issues_the_credential(http, tenant, database_url):
    """
    H1: `chalk-auth resource-server create --audience` prints an id and a secret that introspect; for an audience that
    is not configured it says so in a sentence.
    """
    made = command(database_url, "--audience", BILLING)
    refused = command(database_url, "--audience", "https://other.example")

    printed = dict(line.split("=", 1) for line in made.stdout.splitlines())
    server = Tenant(printed["CLIENT_ID"], printed["CLIENT_SECRET"])
    assert introspect(http, server, pair_of(http, tenant, resource=BILLING)["access_token"])["active"]
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("chalk-auth: ")
    assert "Traceback" not in refused.stderr


def test_a_resource_server_may_do_nothing_else(http, tools, tenant):
    """
    A11: no grant, no revocation, no door of Chalk JSON: it can only ask.
    """
    server, pair = a_resource_server(tools, ISSUER), pair_of(http, tenant)
    auth, header = (server.id, server.api_key), {"X-API-Key": server.api_key}
    grants = [{"grant_type": "client_credentials"}, {"grant_type": "refresh_token", **pair}]

    for grant in grants:
        refused = http.post(TOKEN, data=grant, auth=auth)
        assert (refused.status_code, refused.json["error"]) == (400, "unauthorized_client")
    assert http.post("/api/v1/auth/token", json={"api_key": server.api_key}).status_code == 401
    assert http.post(REVOKE, data={"token": pair["access_token"]}, auth=auth).json == {}
    for answer, status in (
        (http.get("/api/v1/tenants", headers=header), 403),
        (http.post("/api/v1/tenants", json={"name": "x"}, headers=header), 403),
        (http.get(f"/api/v1/tenants/{tenant.id}", headers=header), 404),
        (http.patch(f"/api/v1/tenants/{tenant.id}", json={"name": "x"}, headers=header), 404),
        (http.post(f"/api/v1/tenants/{tenant.id}/rotate-key", headers=header), 404),
        (http.get("/api/v1/rooms", headers=header), 403),
    ):
        assert answer.status_code == status
    assert introspect(http, tenant, pair["access_token"])["active"]


def test_a_resource_server_needs_its_own_id(http, tools, tenant):
    """
    H1: its key under another name, and another key under its name, are invalid_client.
    """
    server = a_resource_server(tools, ISSUER)
    for pair in ((tenant.id, server.api_key), (server.id, tenant.api_key), (server.id.upper(), server.api_key)):
        answer = http.post(INTROSPECT, data={"token": "x"}, auth=pair)
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


ENDINGS = {
    "suspended": lambda http, tenant, admin, room: http.patch(
        f"/api/v1/tenants/{tenant.id}", json={"status": "suspended"}, headers={"X-API-Key": admin}
    ),
    "closed": lambda http, tenant, admin, room: http.delete(
        f"/api/v1/tenants/{tenant.id}", headers={"X-API-Key": tenant.api_key}
    ),
    "compromised": lambda http, tenant, admin, room: http.post(
        f"/api/v1/tenants/{tenant.id}/rotate-key",
        json={"reason": "compromised"},
        headers={"X-API-Key": tenant.api_key},
    ),
    "room ended": lambda http, tenant, admin, room: http.post(
        f"/api/v1/rooms/{room}/end", headers={"X-API-Key": tenant.api_key}
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_ends_an_authority_ends_its_tokens(http, tools, tenant, admin_key, ending):
    """
    B10: a suspended or closed tenant, a compromised key, an ended room: inactive to a resource server at once; tokens
    of other authorities live on.
    """
    server, other, room_id = a_resource_server(tools, ISSUER), a_tenant(tools), a_room(tools, tenant)
    asked = {"api_key": tenant.api_key, "room_id": room_id}
    token = http.post("/api/v1/auth/token", json=asked).json["data"]["access_token"]
    theirs = pair_of(http, other)["access_token"]
    assert introspect(http, server, token)["active"]

    assert ENDINGS[ending](http, tenant, admin_key, room_id).status_code == 200

    assert introspect(http, server, token) == INACTIVE
    assert introspect(http, server, theirs)["active"]
