"""RFC 9110: methods, media types, sizes, paths and the Host header, at every door alike."""

import base64
import io
import json
from typing import Any

import pytest

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
    "/api/v1/rooms/x/participants": "GET, HEAD, POST",
    "/api/v1/rooms/x/participants/bulk": "POST",
    "/api/v1/rooms/x/participants/some-id": "DELETE, GET, HEAD, PATCH",
    "/api/v1/rooms/x/participants/some-id/token": "POST",
    "/api/v1/tenants": "GET, HEAD, POST",
    "/api/v1/tenants/x": "DELETE, GET, HEAD, PATCH",
    "/api/v1/tenants/x/rotate-key": "POST",
    "/api/v1/tenants/x/revoke-sessions": "POST",
    "/api/v1/tenants/x/api-keys": "GET, HEAD, POST",
    "/api/v1/tenants/x/api-keys/x": "DELETE, GET, HEAD, PATCH",
    "/api/v1/tenants/x/api-keys/x/rotate": "POST",
    "/api/v1/tenants/x/api-keys/x/uses": "GET, HEAD",
    "/api/v1/leaks": "POST",
    "/api/v1/tenants/x/events": "GET, HEAD",
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
