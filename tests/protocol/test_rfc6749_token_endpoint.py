"""RFC 6749: the token endpoint with client_credentials and refresh_token, as any OAuth client speaks to it."""

import base64
import re
from urllib.parse import quote

import pytest

from tests.builders import ALL_SCOPES, a_pair, a_tenant, an_operator

TOKEN = "/oauth/token"
ERROR_CODES = {
    *("invalid_request", "invalid_client", "invalid_grant"),
    *("unauthorized_client", "unsupported_grant_type", "invalid_scope"),
}
# RFC 6749 section 5.2: printable ASCII without the double quote and the backslash.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


def ask(http, tenant=None, *, by="basic", **form):
    """Ask for a token, with the tenant's key as its client secret."""
    form = {"grant_type": "client_credentials", **form}
    if tenant is None:
        return http.post(TOKEN, data=form)
    if by == "post":
        return http.post(TOKEN, data={**form, "client_id": tenant.id, "client_secret": tenant.api_key})
    return http.post(TOKEN, data=form, auth=(tenant.id, tenant.api_key))


def send(http, body, **headers):
    return http.post(TOKEN, data=body, content_type="application/x-www-form-urlencoded", headers=headers)


def assert_is_refused(answer, status, code):
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {"error", "error_description"}
    assert answer.json["error"] == code
    assert code in ERROR_CODES
    assert DESCRIPTION.fullmatch(answer.json["error_description"])
    assert answer.headers.get("WWW-Authenticate", "").startswith("Basic ") == (status == 401)


@pytest.mark.parametrize("by", ["basic", "post"])
def test_client_credentials_give_an_access_token(http, tenant, by):
    """
    A8: 200 JSON, not to be stored, numeric expires_in, the scope that was granted, and no refresh token (s4.4.3).
    """
    answer = ask(http, tenant, by=by)

    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    access = answer.json["access_token"]
    assert answer.json == {
        "access_token": access, "token_type": "Bearer", "expires_in": 3600, "scope": ALL_SCOPES,
    }  # fmt: skip


@pytest.mark.parametrize("by", ["basic", "post"])
def test_a_refresh_token_is_given_for_offline_access_and_rotates(http, tenant, by):
    """
    CONTRACT 6, C1: only the scope `offline_access` buys a refresh token; each use of it gives the next.
    """
    first = ask(http, tenant, by=by, scope="rooms:read offline_access").json
    assert first["scope"] == "rooms:read offline_access"

    second = ask(http, tenant, by=by, grant_type="refresh_token", refresh_token=first["refresh_token"])

    assert second.headers["Cache-Control"] == "no-store"
    assert set(second.json) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert second.json["scope"] == first["scope"]
    assert second.json["refresh_token"] != first["refresh_token"]
    spent = ask(http, tenant, by=by, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert_is_refused(spent, 400, "invalid_grant")


def test_credentials_in_the_query_are_never_honoured(http, tools, tenant):
    """
    A2: what stands in the query string is not there, whether a grant, a credential or a token.
    """
    client = {"client_id": tenant.id, "client_secret": tenant.api_key}
    grant = {"grant_type": "client_credentials"}
    token = {"refresh_token": a_pair(tools, tenant).refresh_token}

    bare = http.post(TOKEN, query_string={**grant, **client}, content_type="application/x-www-form-urlencoded")
    assert_is_refused(bare, 400, "invalid_request")
    assert_is_refused(http.post(TOKEN, query_string=client, data=grant), 401, "invalid_client")
    form = {"grant_type": "refresh_token", **client}
    assert_is_refused(http.post(TOKEN, query_string=token, data=form), 400, "invalid_request")


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope", "unknown"])
def test_a_parameter_sent_twice_is_refused(http, tenant, name):
    """
    A3: even a repeated unknown parameter, or one that is empty once, is invalid_request; `resource` may repeat.
    """
    form = (
        f"grant_type=client_credentials&client_id={tenant.id}&client_secret={tenant.api_key}&scope=rooms:read&unknown=1"
    )

    assert send(http, form).status_code == 200
    for again in (f"&{name}=x", f"&{name}="):
        assert_is_refused(send(http, form + again), 400, "invalid_request")


def test_an_empty_parameter_is_absent_and_an_unknown_one_ignored(http, tenant):
    """
    A4: `scope=` asks for the default, `grant_type=` for nothing, and what nobody knows changes nothing.
    """
    usual = ask(http, tenant).json["scope"]

    assert ask(http, tenant, scope="", state="x", redirect_uri="http://x", nonsense="\0").json["scope"] == usual
    assert_is_refused(ask(http, tenant, grant_type=""), 400, "invalid_request")
    assert_is_refused(send(http, f"client_id={tenant.id}"), 400, "invalid_request")
    assert_is_refused(ask(http, tenant, grant_type="refresh_token", refresh_token=""), 400, "invalid_request")
    assert_is_refused(
        http.post(TOKEN, data={"grant_type": "client_credentials", "client_id": tenant.id}), 401, "invalid_client"
    )


def test_a_client_authenticates_in_one_way_at_a_time(http, tools, tenant):
    """
    A5: a secret in the form beside Basic is invalid_request, right or wrong; the same client_id alone may stand there.
    """
    assert_is_refused(ask(http, tenant, client_secret=tenant.api_key), 400, "invalid_request")
    assert_is_refused(ask(http, tenant, client_id=tenant.id, client_secret="x"), 400, "invalid_request")
    assert ask(http, tenant, client_id=tenant.id).status_code == 200
    assert_is_refused(ask(http, tenant, client_id=a_tenant(tools).id), 401, "invalid_client")


def every_character(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.parametrize("encode", [str, quote, lambda text: text.replace("_", "%5f"), every_character])
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_basic_is_form_decoded(http, tenant, encode, scheme):
    """
    A6: ids and keys work raw and percent-encoded, for clients that encode even the underscore (s2.3.1).
    """
    pair = f"{encode(tenant.id)}:{encode(tenant.api_key)}".encode()

    answer = send(http, "grant_type=client_credentials", Authorization=f"{scheme} {base64.b64encode(pair).decode()}")

    assert answer.status_code == 200


BROKEN = [
    b"%zz:x",
    b"x:%zz",
    b"x:%",
    b"x:%4",
    b"x:%u1234",
    b"%ff:x",
    b"\xff:\xff",
    b"nocolon",
    b"",
    b":",
    b"x" * 10_000 + b":y",
    b"\0:\0",
]


@pytest.mark.parametrize("pair", BROKEN, ids=lambda pair: repr(pair[:8]))
def test_broken_basic_is_a_failed_authentication(http, pair):
    """
    A6, A7: what cannot be decoded is 401 invalid_client with a Basic challenge, never 500.
    """
    encoded = base64.b64encode(pair).decode()

    assert_is_refused(
        send(http, "grant_type=client_credentials", Authorization=f"Basic {encoded}"), 401, "invalid_client"
    )


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ", "Basic !!!", "Basic eDp5 eDp5", "Basic ä", "Bearer eDp5", "Digest x", "", "eDp5"]
)
def test_another_authorization_is_a_failed_authentication(http, header):
    """
    A7: a header that is no Basic credential is 401 invalid_client with a Basic challenge.
    """
    assert_is_refused(send(http, "grant_type=client_credentials", Authorization=header), 401, "invalid_client")


@pytest.mark.parametrize("by", ["basic", "post"])
def test_a_client_is_its_own_id_with_its_own_key(http, tools, tenant, by):
    """
    A7, B8: a wrong key, a neighbour's key, an operator's key and a made-up id all fail alike.
    """
    neighbour, key = a_tenant(tools), tenant.api_key
    pairs = [(neighbour.id, key), ("tenant_x", key), (tenant.id.upper(), key), (tenant.id + " ", key)]
    wrong = [key[:-1], neighbour.api_key, an_operator(tools), key.swapcase(), key + "\0"]
    refresh = {"grant_type": "refresh_token", "refresh_token": a_pair(tools, tenant).refresh_token}

    for client_id, secret in [*pairs, *((tenant.id, each) for each in wrong)]:
        for grant in ({}, refresh):
            answer = ask(http, type(tenant)(client_id, secret), by=by, **grant)
            assert_is_refused(answer, 401, "invalid_client")
    assert ask(http, tenant, by=by, **refresh).status_code == 200


@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "authorization_code",
        "implicit",
        "token",
        "CLIENT_CREDENTIALS",
        "client_credentials ",
        "\0",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:chalk:params:oauth:grant-type:api-key",
    ],
)
def test_a_grant_that_is_not_offered_is_unsupported(http, tenant, grant_type):
    """
    A10: unsupported_grant_type, whatever else the request carries; Chalk JSON's own grant is not offered here.
    """
    more = {"username": "u", "password": "p", "code": "c", "api_key": tenant.api_key}

    assert_is_refused(ask(http, tenant, grant_type=grant_type, **more), 400, "unsupported_grant_type")


def test_a_suspended_tenant_is_an_unauthorized_client(http, tools, tenant, admin_key):
    """
    A11, B10: the right credentials of a suspended tenant are unauthorized_client; wrong ones learn nothing of it.
    """
    pair = a_pair(tools, tenant)
    http.patch(f"/api/v1/tenants/{tenant.id}", json={"status": "suspended"}, headers={"X-API-Key": admin_key})

    assert_is_refused(ask(http, tenant), 400, "unauthorized_client")
    refresh = ask(http, tenant, grant_type="refresh_token", refresh_token=pair.refresh_token)
    assert_is_refused(refresh, 400, "unauthorized_client")
    assert_is_refused(ask(http, type(tenant)(tenant.id, tenant.api_key[:-1])), 401, "invalid_client")


def test_nothing_of_the_request_comes_back_in_an_error(http, tenant):
    """
    A9: error bodies are words of ours, whatever stands in the parameters.
    """
    mark = 'xyzzy"\\<ä>'
    refresh = {"grant_type": "refresh_token", "refresh_token": mark}

    for form in ({"grant_type": mark}, {"scope": mark}, {mark: "1", "scope": "x"}, refresh, {"client_id": mark}):
        answer = ask(http, tenant, **form)
        assert answer.status_code >= 400
        assert "xyzzy" not in answer.text + str(answer.headers)
