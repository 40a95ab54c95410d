"""The server behind nginx as we ship it: what it promises still holds, and what only nginx can refuse is refused."""

import base64
import contextlib
import json
import ssl
import subprocess
import time

import pytest

from tests.deploy.conftest import ISSUER
from tests.deploy.edge import read, read_all

FORM, JSON = "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json"
SLOW = 40


@pytest.fixture
def slow(site):
    """Clients that began to send a body, and send no more."""
    head = f"POST /api/v1/auth/token HTTP/1.1\r\nHost: auth.example.com\r\n{JSON}\r\nContent-Length: 60\r\n\r\n"
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(site.edge.connect(source="127.0.0.3")) for _ in range(SLOW)]
        for number, wire in enumerate(wires):
            wire.sendall(head.encode() + b'{"api_key"'[: 1 + number % 9])
        yield wires


def post(site, path, values, *headers, source="127.0.0.1"):
    body = json.dumps(values).encode()
    return site.edge.ask(f"POST {path}", JSON, *headers, body=body, source=source)


def form(site, path, values, *headers, source="127.0.0.1"):
    body = "&".join(f"{name}={value}" for name, value in values.items()).encode()
    return site.edge.ask(f"POST {path}", FORM, *headers, body=body, source=source)


def basic(tenant):
    return "Authorization: Basic " + base64.b64encode(f"{tenant.id}:{tenant.api_key}".encode()).decode()


def test_a_session_lives_its_whole_life_through_nginx(site):
    """
    Both dialects work over TLS: exchange, use, refresh, retry, introspect, revoke.
    """
    pair = json.loads(post(site, "/api/v1/auth/token", {"api_key": site.tenant.api_key}).body)["data"]
    key, bearer = f"X-API-Key: {site.tenant.api_key}", f"Authorization: Bearer {pair['access_token']}"
    room = post(site, "/api/v1/rooms", {"name": "Lobby"}, key)
    path = f"/api/v1/rooms/{json.loads(room.body)['data']['id']}"
    spent = {"refresh_token": pair["refresh_token"]}
    again = [post(site, "/api/v1/auth/refresh", spent, "Idempotency-Key: 0123456789abcdef") for _ in range(2)]
    token = {"token": json.loads(again[0].body)["data"]["access_token"]}

    assert room.status == 201
    assert site.edge.ask(f"GET {path}", bearer).status == 200
    assert [each.status for each in again] == [200, 200]
    assert len({json.loads(each.body)["data"]["refresh_token"] for each in again}) == 1
    assert json.loads(form(site, "/oauth/introspect", token, basic(site.tenant)).body)["active"]
    assert form(site, "/oauth/revoke", token, basic(site.tenant)).status == 200
    assert json.loads(form(site, "/oauth/introspect", token, basic(site.tenant)).body) == {"active": False}
    assert site.edge.ask(f"GET {path}", bearer).status == 401
    assert site.edge.ask(f"DELETE {path}", key).status == 200


def test_what_every_answer_carries(site):
    """
    N: HSTS, a policy, the request's id, and no name or version of what is behind; also where nginx answers itself.
    """
    asked = "X-Request-Id: 0123456789-abc"
    answers = [
        site.edge.ask("GET /.well-known/jwks.json", asked),
        site.edge.ask("GET /api/v1/rooms", asked),
        site.edge.ask("GET /healthz", asked),
        site.edge.ask("POST /oauth/token", asked, body=b"x" * 70_000),
        post(site, "/api/v1/auth/token", {"api_key": site.tenant.api_key}, asked),
    ]

    assert [each.status for each in answers] == [200, 401, 404, 413, 200]
    for each in answers:
        assert each.header("strict-transport-security") == "max-age=63072000"
        assert each.header("x-content-type-options") == "nosniff"
        assert each.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
        assert each.header("x-request-id") == "0123456789-abc"
        assert each.header("server") == "nginx"
        assert each.header("set-cookie") is None
        assert b"granian" not in each.body
    assert answers[-1].header("cache-control") == "no-store"
    assert "script-src 'self'" in (site.edge.ask("GET /docs").header("content-security-policy") or "")
    assert len(site.edge.ask("GET /openapi.json", "X-Request-Id: x").header("x-request-id") or "") == 32


def test_tls_is_modern_and_for_our_name_alone(site):
    """
    TLS 1.2 and 1.3 and HTTP/2; no older one, no cipher without forward secrecy, no certificate for another name.
    """
    for one, spoken in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with site.edge.connect(minimum_version=one, maximum_version=one) as wire:
            assert wire.version() == spoken
    # At security level 0 this side would agree to what is older.
    old = "ALL:@SECLEVEL=0"
    with pytest.warns(DeprecationWarning, match="deprecated"), pytest.raises(ssl.SSLError):
        site.edge.connect(ciphers=old, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    for weak in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"):
        with pytest.raises(ssl.SSLError):
            site.edge.connect(ciphers=f"{weak}:@SECLEVEL=0", maximum_version=ssl.TLSVersion.TLSv1_2)
    for name in ("elsewhere.example.com", "127.0.0.1"):
        with pytest.raises(ssl.SSLError):
            site.edge.connect(name, check_hostname=False, verify_mode=ssl.CERT_NONE)

    names = f"auth.example.com:{site.edge.port}:127.0.0.1"
    command = ["curl", "-sS", "--http2", "--resolve", names, "--cacert", str(site.edge.folder / "tls" / "ca.pem")]
    url = f"https://auth.example.com:{site.edge.port}/.well-known/oauth-authorization-server"
    done = subprocess.run([*command, "-w", "\n%{http_version}", url], capture_output=True, text=True, check=True)
    document, _, version = done.stdout.rpartition("\n")
    assert (json.loads(document)["issuer"], version) == (ISSUER, "2")


def test_nothing_redirects_but_the_root_of_plain_http(site):
    """
    A18: no answer of the API is a redirect, also over plain HTTP, where a secret has just been sent in clear.
    """
    assert site.edge.ask("GET /.well-known/jwks.json").status == 200
    paths = ("/oauth/token/", "//oauth/token", "/oauth//token", "/api/v1/auth/token/", "/docs/", "/api/v1", "/oauth")
    for path in (*paths, "/.well-known//jwks.json", "/.well-known/jwks.json/"):
        for method in ("GET", "POST"):
            answer = site.edge.ask(f"{method} {path}", FORM)
            assert (answer.status, answer.header("location")) == (404, None), path

    def plainly(line):
        with site.edge.connect_plainly() as wire:
            wire.sendall(f"{line} HTTP/1.1\r\nHost: elsewhere.example.com\r\nConnection: close\r\n\r\n".encode())
            answer = read(wire)
        return answer.status, answer.header("location")

    assert plainly("GET /") == (301, f"{ISSUER}/")
    for line in ("GET /api/v1/rooms", "POST /oauth/token", "GET /docs", "GET /.well-known/jwks.json"):
        assert plainly(line) == (403, None)


def test_the_probes_are_for_the_inside(site):
    """
    Health, readiness and metrics look from outside like any path that does not exist, in every spelling.
    """
    missing = site.edge.ask("GET /nothing")
    for path in (
        "/healthz",
        "/readyz",
        "/metrics",
        "/%72eadyz",
        "/oauth/../readyz",
        "/./metrics",
        "//readyz",
        "/metrics/",
    ):
        answer = site.edge.ask(f"GET {path}")
        assert (answer.status, answer.body) == (404, missing.body), path


def test_a_client_cannot_say_where_it_comes_from(site):
    """
    A19: by no header and no spelling does a guesser get another address, and another one is not in its way.
    """
    names = ["X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Client-Cert"]
    answers = [
        site.edge.ask(
            "GET /api/v1/rooms", "X-API-Key: sk_live_wrong", f"{name}: for=10.0.0.{number}", source="127.0.0.9"
        )
        for number, name in enumerate(names)
    ]

    assert [each.status for each in answers] == [401] * 5 + [429]
    assert answers[-1].header("retry-after")
    for name in names:
        value = "127.0.0.8" if name != "Forwarded" else "for=127.0.0.8"
        assert site.edge.ask("GET /api/v1/rooms", "X-API-Key: x", f"{name}: {value}", source="127.0.0.9").status == 429
    assert site.edge.ask("GET /api/v1/rooms", "X-API-Key: sk_live_wrong", source="127.0.0.8").status == 401


def test_urls_do_not_follow_what_a_client_says(site):
    """
    A20: another Host is refused; X-Forwarded-Host and -Proto change nothing in metadata and challenges.
    """
    said = ("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "Forwarded: host=evil.example;proto=http")
    metadata = site.edge.ask("GET /.well-known/oauth-authorization-server?x=1", *said)
    challenge = site.edge.ask("GET /api/v1/rooms", "Authorization: Bearer x", *said)

    assert site.edge.ask("GET /.well-known/oauth-authorization-server", "Host: evil.example").status == 421
    assert site.edge.ask("GET https://evil.example/api/v1/rooms").status == 421
    assert json.loads(metadata.body)["issuer"] == ISSUER
    assert f'resource_metadata="{ISSUER}/' in (challenge.header("www-authenticate") or "")
    assert b"evil" not in metadata.body + challenge.body


def test_what_stands_twice_is_refused(site):
    """
    M, B11: a repeated Host, Content-Type, Authorization or X-API-Key is refused, whichever is right; once it is 200.
    """
    values = {"grant_type": "client_credentials", "client_id": site.tenant.id, "client_secret": site.tenant.api_key}
    body = "&".join(f"{name}={value}" for name, value in values.items()).encode()
    key, bearer = f"X-API-Key: {site.tenant.api_key}", "Authorization: Bearer x"

    assert site.edge.ask("POST /oauth/token", FORM, body=body).status == 200
    for twice in ((FORM, JSON), (JSON, FORM), (FORM, FORM)):
        assert site.edge.ask("POST /oauth/token", *twice, body=body).status == 415
    assert site.edge.ask("GET /api/v1/rooms", key).status == 200
    for two in ((key, key), (key, "X-API-Key: x"), ("X-API-Key: x", key)):
        assert site.edge.ask("GET /api/v1/rooms", *two, source="127.0.0.7").status in {400, 401}
    for two in ((bearer, bearer), (basic(site.tenant), basic(site.tenant))):
        assert site.edge.ask("GET /api/v1/rooms", *two).status == 400
    hosts = ("Host: auth.example.com", "Host: auth.example.com")
    assert site.edge.ask("GET /api/v1/rooms", *hosts, key).status == 400


def test_bodies_are_bounded_and_stay_in_memory(site):
    """
    What is longer than the server reads is refused in its own words; what it does read never touches the disk.
    """
    whole = b"grant_type=x&pad=" + b"x" * (65_536 - 17)

    assert site.edge.ask("POST /oauth/token", FORM, body=whole).status in {400, 401}
    too_large = [site.edge.ask(f"POST {path}", FORM, body=whole + b"x") for path in ("/oauth/token", "/api/v1/rooms")]
    assert [each.status for each in too_large] == [413, 413]
    assert json.loads(too_large[0].body)["error"] == "invalid_request"
    assert json.loads(too_large[1].body)["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert "temporary file" not in (site.edge.folder / "log" / "error.log").read_text()


def test_one_address_cannot_have_all_the_signing(site):
    """
    A17: beyond the burst, token requests of one address are 429 with Retry-After in the dialect; others are served.
    """
    for path, mine in (("/oauth/token", "127.0.0.20"), ("/api/v1/auth/refresh", "127.0.0.21")):
        request = f"POST {path} HTTP/1.1\r\nHost: auth.example.com\r\nContent-Length: 0\r\n"
        with site.edge.connect(source=mine) as wire:
            wire.sendall((f"{request}\r\n" * 400 + f"{request}Connection: close\r\n\r\n").encode())
            answers = read_all(wire)
        refused = next(each for each in answers if each.status == 429)

        assert len(answers) == 401
        assert 100 <= sum(each.status != 429 for each in answers) < 400
        assert (refused.header("retry-after"), refused.header("cache-control")) == ("1", "no-store")
        error = json.loads(refused.body)["error"]
        assert error == "temporarily_unavailable" if path == "/oauth/token" else error["code"] == "RATE_LIMITED"
        assert site.edge.ask(f"POST {path}", source="127.0.0.22").status == 415
        assert site.edge.ask("GET /api/v1/rooms", source=mine).status == 401


def test_the_log_holds_no_query(site):
    """
    B2: a key that a client puts into the query is not in the access log; the request's id, path and status are.
    """
    asked = "X-Request-Id: in-the-query"
    assert site.edge.ask("GET /api/v1/rooms?api_key=sk_live_0123456789&token=secret", asked).status == 401

    log = (site.edge.folder / "log" / "access.log").read_text()
    (line,) = [each for each in map(json.loads, log.splitlines()) if each["request_id"] == "in-the-query"]
    assert (line["path"], line["status"], line["client"]) == ("/api/v1/rooms", 401, "127.0.0.1")
    assert "sk_live_" not in log
    assert site.tenant.api_key not in (site.edge.folder / "log" / "error.log").read_text()


def test_slow_clients_hold_up_nobody(site, slow):
    """
    N: beside forty that never finish their request, one worker with one thread serves others.
    """
    began = time.monotonic()
    for _ in range(5):
        assert post(site, "/api/v1/auth/token", {"api_key": site.tenant.api_key}).status == 200
    assert time.monotonic() - began < 5

    # None was refused: they hang on until nginx's patience ends.
    for wire in slow:
        wire.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            wire.recv(1)
