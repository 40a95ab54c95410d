"""RFC 9728: the rooms API says of itself who issues its tokens, and its challenges say where it does."""

import re
from urllib.parse import urlsplit

import pytest

from app.entrypoints.wiring import wiring_of
from tests.assertions import ISSUER
from tests.builders import a_room
from tests.forgery import claims_of

RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
ROOMS = "/api/v1/rooms"
SETTINGS = [
    {},
    {"AUDIENCES": "https://api.example"},
    {"AUDIENCES": "https://api.example:8443/v1/rooms,https://other.example"},
    {"ISSUER": "https://auth.example/tenants/one"},
    {"ISSUER": "https://auth.example", "AUDIENCES": "https://auth.example/api"},
]


@pytest.fixture
def settings():
    """The usual settings, where a test is not run with several."""
    return {}


@pytest.fixture
def app(make_app, clock, settings):
    """The application in the settings of the test."""
    made = make_app(**settings)
    yield made
    wiring_of(made).tools.database.close()


def metadata_of(answer):
    """The URL that the one Bearer challenge of an answer names."""
    (challenge,) = [each for each in answer.headers.getlist("WWW-Authenticate") if each.startswith("Bearer ")]
    (url,) = re.findall(r'resource_metadata="([^"\\ ]+)"$', challenge)
    return url


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_document_is_true(http, tenant, settings):
    """
    F7, F4: resource and server are named to the byte, each document names the other, and no member is empty.
    """
    issuer = settings.get("ISSUER", ISSUER)
    resource = settings.get("AUDIENCES", issuer).partition(",")[0]

    answer = http.get(RESOURCE + urlsplit(resource).path)
    server = http.get(SERVER + urlsplit(issuer).path).json

    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json["resource"] == resource
    assert answer.json["authorization_servers"] == [issuer] == [server["issuer"]]
    assert server["protected_resources"] == [resource]
    assert set(answer.json["scopes_supported"]) <= set(server["scopes_supported"])
    assert all(answer.json.values())
    token = http.post("/api/v1/auth/token", json={"api_key": tenant.api_key}).json["data"]["access_token"]
    assert (claims_of(token)["iss"], claims_of(token)["aud"]) == (issuer, resource)


@pytest.mark.parametrize("settings", SETTINGS)
def test_challenges_name_the_document(http, settings):
    """
    F7, M: every Bearer challenge of the rooms API names the document's URL, which is built from the settings alone.
    """
    resource = urlsplit(settings.get("AUDIENCES", settings.get("ISSUER", ISSUER)).partition(",")[0])
    expected = f"{resource.scheme}://{resource.netloc}{RESOURCE}{resource.path}"

    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer"}, {"Host": "evil.example"}):
        for answer in (http.get(ROOMS, headers=headers), http.post(ROOMS, headers=headers)):
            assert metadata_of(answer) == expected
    assert http.get(urlsplit(expected).path).status_code == 200


def test_a_lacking_scope_and_an_expired_token_name_it_too(http, tenant, clock):
    """
    F7, M: 403 insufficient_scope and the 401 of an expired token carry the same member.
    """
    asked = {"grant_type": "client_credentials", "scope": "rooms:read"}
    token = http.post("/oauth/token", data=asked, auth=(tenant.id, tenant.api_key)).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    lacking = http.post(ROOMS, json={"name": "Lobby"}, headers=bearer)
    clock.step(hours=2)
    expired = http.get(ROOMS, headers=bearer)

    assert [lacking.status_code, expired.status_code] == [403, 401]
    assert [metadata_of(answer) for answer in (lacking, expired)] == [ISSUER + RESOURCE] * 2


def test_doors_that_take_no_token_do_not_speak_of_it(http, tenant):
    """
    F6: where an API key is wanted, nothing points to a server for tokens.
    """
    for answer in (
        http.get(f"/api/v1/tenants/{tenant.id}"),
        http.post("/api/v1/auth/token", json={"api_key": "x"}),
        http.post("/oauth/token", data={"grant_type": "client_credentials"}),
    ):
        assert answer.status_code == 401
        assert "resource_metadata" not in str(answer.headers)


def test_what_it_says_of_bearer_tokens_and_scopes_works(http, tools, tenant):
    """
    F2, F7: tokens are taken by each listed method and by no other, and the listed scopes are those that are needed.
    """
    document, room_id = http.get(RESOURCE).json, a_room(tools, tenant)
    asked = {"grant_type": "client_credentials", "scope": " ".join(document["scopes_supported"])}
    token = http.post("/oauth/token", data=asked, auth=(tenant.id, tenant.api_key)).json["access_token"]
    path = f"{ROOMS}/{room_id}"

    works = {
        "header": http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200,
        "query": http.get(path, query_string={"access_token": token}).status_code == 200,
        "body": http.post(f"{path}/end", data={"access_token": token}).status_code == 200,
    }

    assert [method for method, it_does in works.items() if it_does] == document["bearer_methods_supported"]
    header = {"Authorization": f"Bearer {token}"}
    assert http.post(ROOMS, json={"name": "Lobby"}, headers=header).status_code == 201
    assert http.post(f"{path}/end", headers=header).status_code == 200


def test_it_points_to_documentation_that_is_there(http):
    """
    F6: the page that it names answers.
    """
    for path, name in ((RESOURCE, "resource_documentation"), (SERVER, "service_documentation")):
        assert http.get(urlsplit(http.get(path).json[name]).path).status_code == 200


@pytest.mark.parametrize("settings", [{}, {"AUDIENCES": "https://api.example/v1"}])
def test_it_may_be_cached_and_stands_in_one_place(http, settings):
    """
    E4: max-age, and an ETag that is honoured; RFC 9728 section 3.1: a path of the resource stands at the end.
    """
    path = RESOURCE + urlsplit(settings.get("AUDIENCES", "")).path

    answer = http.get(path)

    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert http.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert http.post(path).status_code == 405
    for other in (path + "/", path + "/x", f"/v1{RESOURCE}", RESOURCE + "/api"):
        assert http.get(other).status_code == 404
