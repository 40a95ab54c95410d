"""What holds at every door: methods, media types, sizes, paths, request ids, and faults that say nothing."""

import base64
import io
import json
import re
from typing import Any

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from tests.conftest import environment, migrate

# Of the contract: well written, and nobody's.
KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
EXCHANGE, REFRESH, REVOKE = "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke"
TOKEN, JWKS, META = "/oauth/token", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"

ALLOWED = {
    EXCHANGE: "POST",
    REFRESH: "POST",
    REVOKE: "POST",
    TOKEN: "POST",
    JWKS: "GET, HEAD",
    META: "GET, HEAD",
    "/api/v1/rooms": "GET, HEAD, POST",
    "/api/v1/rooms/x": "DELETE, GET, HEAD, PATCH",
    "/api/v1/rooms/x/end": "POST",
    "/api/v1/tenants": "GET, HEAD, POST",
    "/api/v1/tenants/x": "DELETE, GET, HEAD, PATCH",
    "/api/v1/tenants/x/rotate-key": "POST",
    "/api/v1/tenants/x/revoke-sessions": "POST",
    "/api/v1/sessions": "GET, HEAD",
    "/api/v1/sessions/x": "DELETE",
    "/healthz": "GET, HEAD",
    "/readyz": "GET, HEAD",
    "/metrics": "GET, HEAD",
}

# What the server tells the application of a body whose length nobody declared.
CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


def code_of(answer):
    assert answer.content_type == JSON
    error = answer.json["error"]
    return error if isinstance(error, str) else error["code"]


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_a_path_does_not_have_is_405_with_allow(http, path, method):
    """
    A1: every other method, OPTIONS too, is 405, and Allow lists those that exist.
    """
    allowed = ALLOWED[path].split(", ")

    answer = http.open(path, method=method)

    assert (answer.status_code == 405) == (method not in allowed)
    if answer.status_code == 405:
        assert answer.headers["Allow"] == ALLOWED[path]
        assert method == "HEAD" or code_of(answer) in {"METHOD_NOT_ALLOWED", "invalid_request"}


@pytest.mark.parametrize("path", [*ALLOWED, "/"])
@pytest.mark.parametrize("spelling", ["{}/", "{}//", "/.{}", "/x/..{}", "//{}", "/{}"])
def test_no_path_is_redirected_to_another(http, path, spelling):
    """
    A18: a trailing or doubled slash or a dot is 404, never a redirect that would carry a credential elsewhere.
    """
    for method in ("GET", "POST"):
        answer = http.open("/", method=method, environ_overrides={"PATH_INFO": spelling.format(path)})
        assert answer.status_code == 404


@pytest.mark.parametrize("path", [EXCHANGE, REFRESH, REVOKE, TOKEN])
@pytest.mark.parametrize(
    "sent", ["", "text/plain", "multipart/form-data; boundary=x", f"{JSON}, {JSON}", "wrong", "*/*"]
)
def test_a_body_in_another_format_is_415_and_says_what_is_wanted(http, path, sent):
    """
    A15: /oauth/token reads forms and Chalk JSON reads JSON; the refusal names the format.
    """
    wanted, other = (FORM, JSON) if path == TOKEN else (JSON, FORM)

    for content_type in (sent, other):
        answer = http.post(path, data=b"{}", content_type=content_type)
        assert answer.status_code == 415
        assert wanted in answer.text
        assert code_of(answer) in {"UNSUPPORTED_MEDIA_TYPE", "invalid_request"}


@pytest.mark.parametrize("length", ["declared", "chunked"])
@pytest.mark.parametrize("path", [EXCHANGE, REFRESH, REVOKE, TOKEN])
def test_a_body_of_a_megabyte_is_413(http, tenant, path, length):
    """
    A16: what is longer than the limit is refused, also when its length is not declared; no part of it is acted on.
    """
    good = f"grant_type=client_credentials&client_id={tenant.id}&client_secret={tenant.api_key}&padding="
    body = (good if path == TOKEN else "").encode() + b" " * 1_000_000 + (b"" if path == TOKEN else b"{}")
    sent: dict[str, Any] = {"data": body}
    if length == "chunked":
        sent = {"input_stream": io.BytesIO(body), "environ_overrides": CHUNKED}

    answer = http.post(path, content_type=FORM if path == TOKEN else JSON, **sent)

    assert answer.status_code == 413
    assert code_of(answer) in {"PAYLOAD_TOO_LARGE", "invalid_request"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (TOKEN, b"&".join(b"a%d=1" % number for number in range(10_000))),
        (TOKEN, b"a=1&" * 10_000),
        (TOKEN, b"grant_type=client_credentials&scope=\xff"),
        (TOKEN, b"grant_type=client_credentials&scope=%ff"),
        (EXCHANGE, b'{"api_key":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        (EXCHANGE, b'{"deep":' * 100_000 + b"1" + b"}" * 100_000),
        (EXCHANGE, b"[" * 100_000),
        (EXCHANGE, b'{"api_key": "\xff"}'),
        (EXCHANGE, b'{"api_key": "\\ud800"}'),
        (EXCHANGE, b'\xef\xbb\xbf{"api_key": "x"}'),
        (EXCHANGE, '{"api_key": "x"}'.encode("utf-16")),
        (EXCHANGE, b""),
    ],
    ids=lambda value: str(value[:30]),
)
def test_a_hostile_body_is_a_client_error(make_app, path, body):
    """
    A16: thousands of fields, a hundred thousand levels and broken UTF-8 are 400, also where bodies may be long.
    """
    http = make_app(MAX_BODY_BYTES="10485760").test_client()

    answer = http.post(path, data=body, content_type=FORM if path == TOKEN else JSON)

    assert answer.status_code == 400
    assert code_of(answer) in {"MALFORMED_JSON", "VALIDATION_ERROR", "invalid_request"}


@pytest.mark.parametrize("path", [TOKEN, EXCHANGE, "/nowhere", JWKS])
@pytest.mark.parametrize(
    "given", ["a" * 8, "a" * 128, "b1-_" * 8, "a" * 7, "a" * 129, "a b c d e", "ä" * 9, "<x>" * 9, ""]
)
def test_every_answer_names_its_request(http, path, given):
    """
    CONTRACT 3: X-Request-Id is echoed when it is a plain word of 8 to 128 characters, and made otherwise.
    """
    answer = http.get(path, headers={"X-Request-Id": given})

    named = answer.headers["X-Request-Id"]
    assert (named == given) == bool(re.fullmatch(r"[a-zA-Z0-9_-]{8,128}", given))
    assert re.fullmatch(r"[\w-]{8,128}", named, re.ASCII)
    assert http.get(path).headers["X-Request-Id"] != named


def test_every_401_carries_a_challenge(http, tools, tenant):
    """
    CONTRACT 3, A7: whichever credential fails at whichever door, the answer says how to authenticate.
    """
    wrong, garbage = {"X-API-Key": "wrong"}, {"Authorization": "Bearer x"}
    for answer, challenge in (
        (http.post(EXCHANGE, json={"api_key": "x"}), "ApiKey"),
        (http.post(REFRESH, json={"refresh_token": "x"}), "ApiKey"),
        (http.get("/api/v1/tenants/x"), "ApiKey"),
        (http.get("/api/v1/tenants/x", headers=wrong), "ApiKey"),
        (http.get("/api/v1/rooms", headers=wrong), "ApiKey"),
        (http.get("/api/v1/rooms", headers=garbage), "Bearer"),
        (http.get("/api/v1/rooms"), "Bearer"),
        (http.post(TOKEN, data={"grant_type": "client_credentials"}), "Basic"),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith(f'{challenge} realm="chalk"')


@pytest.mark.parametrize("path", ["/api/v1/rooms", "/api/v1/tenants/{}"])
def test_a_key_counts_in_its_header_only_and_once(http, tenant, path):
    """
    B7, B11: a key in the query, in a cookie or as another header is no key, and two in one header are none.
    """
    path, key = path.format(tenant.id), tenant.api_key
    none = [
        http.get(path, query_string={"api_key": key, "X-API-Key": key, "key": key, "access_token": key}),
        http.get(path, headers={"Cookie": f"X-API-Key={key}; api_key={key}"}),
        http.get(path, headers={"API-Key": key, "X-Auth-Token": key, "Proxy-Authorization": f"Bearer {key}"}),
    ]
    twice = [
        http.get(path, headers={"X-API-Key": both}) for both in (f"{key},{key}", f"{key}, {key}", f"x,{key}", f"{key},")
    ]

    assert {answer.status_code for answer in (*none, *twice)} == {401}
    assert {answer.json["error"]["message"] for answer in none} == {"Authentication required"}
    assert {answer.json["error"]["message"] for answer in twice} == {"Invalid API key"}
    assert http.get(path, headers={"X-API-Key": key}).status_code == 200


def test_a_bug_says_nothing_but_its_request_id(backend, new_database, clock):
    """
    CONTRACT 3: when a row of ours is broken, the caller learns that we are at fault, and no more.
    """
    url = new_database(backend)
    migrate(url)
    healthy = wiring_of(create_app(environment(url), clock)).tools
    with healthy.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE signing_keys SET private_jwe = 'broken'")
    broken = create_app(environment(url), clock, warm=False)
    http = broken.test_client()

    chalk = http.post(EXCHANGE, json={"api_key": KEY}, headers={"X-Request-Id": "request-of-mine"})
    oauth = http.get(JWKS)

    assert (chalk.status_code, oauth.status_code) == (500, 500)
    assert chalk.headers["X-Request-Id"] == "request-of-mine"
    assert chalk.json == {"error": {"code": "INTERNAL_ERROR", "message": "Internal error"}}
    assert oauth.json == {"error": "server_error", "error_description": "Internal error"}
    for each in (healthy, wiring_of(broken).tools):
        each.database.close()


def test_the_host_header_names_nothing(http, tenant):
    """
    A19, A20: whatever Host or X-Forwarded-* say, issuer, audience and URLs are those of the settings.
    """
    usual = http.get(META).json
    evil = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=e",
    }

    assert http.get(META, headers=evil).json == usual
    pair = http.post(EXCHANGE, json={"api_key": tenant.api_key}, headers=evil).json["data"]
    for token in (pair["access_token"], pair["refresh_token"]):
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert claims["iss"] == usual["issuer"]
        assert claims["aud"].startswith(usual["issuer"])
    refused = http.get("/api/v1/rooms", headers=evil)
    assert (refused.status_code, "evil" in str(refused.headers) + refused.text) == (401, False)
