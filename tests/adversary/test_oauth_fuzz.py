"""Ten thousand requests that nobody should send: never a 5xx, never an exception in the log."""

import base64
import json
import logging
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adversary.noise import ANYTHING, LATIN, TEXT, mutations
from tests.adversary.rounds import rounds
from tests.assertions import ASSERTION_TYPE, ISSUER, a_key, register
from tests.builders import a_tenant
from tests.forgery import b64

# Per test and database: most of what is fuzzed never reaches the database, and is the same on both.
# Fewer would hardly ever hit upon an assertion that is right.
CASES = {"sqlite": rounds(2_250), "postgresql": 250}
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
ENDPOINTS = st.sampled_from(["/oauth/token", "/oauth/revoke", "/oauth/introspect"])


@pytest.fixture
def hammer(backend, http, caplog):
    """Send as many requests as this database gets; give back how often each status came."""
    caplog.set_level(logging.WARNING)

    def run(cases, send):
        statuses: dict[int, int] = {}

        @settings(max_examples=CASES[backend], deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(cases)
        def one(case):
            answer = send(case)
            assert answer.status_code < 500, (case, answer.text)
            assert answer.content_type is None or answer.content_type == JSON
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

        one()
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        return statuses

    return run


def basic_headers(tenant):
    """Basic headers: of bytes and of texts, nearly right and not at all."""
    pair = f"{tenant.id}:{tenant.api_key}"
    encoded = st.one_of(
        st.binary(max_size=80).map(lambda raw: base64.b64encode(raw).decode()),
        mutations(pair).map(lambda text: base64.b64encode(text.encode()).decode()),
        st.tuples(TEXT, TEXT).map(lambda two: base64.b64encode(":".join(two).encode()).decode()),
        mutations(base64.b64encode(pair.encode()).decode()),
        LATIN,
    )
    scheme = st.one_of(st.sampled_from(["Basic ", "basic ", "BASIC  ", "Basic", "Bearer ", "Basic\t", ""]), LATIN)
    return st.builds(lambda *parts: "".join(parts).encode("latin-1", "ignore").decode("latin-1"), scheme, encoded)


def test_basic_headers(hammer, http, tenant):
    """
    A6, A7: whatever stands in Authorization, the answer is one of the protocol's.
    """
    form = {"grant_type": "client_credentials", "token": "x"}

    def send(case):
        path, header = case
        return http.post(path, data=form, headers={"Authorization": header.replace("\r", "").replace("\n", "")})

    statuses = hammer(st.tuples(ENDPOINTS, basic_headers(tenant)), send)

    assert set(statuses) <= {200, 400, 401}
    assert statuses[401]


def forms(tenant, tokens):
    """Forms: of parameters that we know, rightly and wrongly filled, in pairs that may repeat, and of bytes."""
    names = st.sampled_from(
        [
            *("grant_type", "client_id", "client_secret", "scope", "resource", "audience", "refresh_token", "token"),
            *("token_type_hint", "client_assertion", "client_assertion_type", "code", "username", "request", "", "\0"),
        ]
    )
    values = st.one_of(TEXT, st.sampled_from([tenant.id, tenant.api_key, ASSERTION_TYPE, *tokens]))
    right = {"grant_type": "client_credentials", "client_id": tenant.id, "client_secret": tenant.api_key}
    some = st.dictionaries(names, values, max_size=5)
    return st.one_of(
        some.map(lambda fields: urlencode({**right, **fields}).encode()),
        some.map(lambda fields: urlencode({**right, "grant_type": "refresh_token", **fields}).encode()),
        st.lists(st.tuples(names, values), max_size=8).map(lambda pairs: urlencode(pairs).encode()),
        st.lists(st.tuples(TEXT, TEXT), max_size=60).map(lambda pairs: urlencode(pairs).encode()),
        mutations(urlencode({**right, "token": tokens[0]})).map(lambda text: text.encode()),
        st.binary(max_size=200),
    )


def test_forms(hammer, http, tenant):
    """
    A3, A4, A9, A16: whatever stands in a form, the answer is one of the protocol's.
    """
    pair = http.post("/api/v1/auth/token", json={"api_key": tenant.api_key}).json["data"]
    cases = st.tuples(ENDPOINTS, forms(tenant, [pair["access_token"], pair["refresh_token"]]), LATIN)

    def send(case):
        path, body, key = case
        return http.post(path, data=body, content_type=FORM, headers={"Idempotency-Key": key})

    statuses = hammer(cases, send)

    assert set(statuses) <= {200, 400, 401}
    assert statuses[200]
    assert statuses[400]


def json_bodies(jwks):
    """JSON for each door of Chalk JSON: nearly right, anything at all, and no JSON."""
    fields = st.sampled_from(["api_key", "refresh_token", "room_id", "name", "jwks", "jwks_uri", "grace_period", "x"])
    key = st.dictionaries(
        st.sampled_from([*jwks["keys"][0], "use", "alg", "key_ops", "d", "k", "x5c", "oth"]), ANYTHING, max_size=3
    )
    sets = st.lists(key.map(lambda changed: {**jwks["keys"][0], **changed}), max_size=3).map(
        lambda keys: {"keys": keys}
    )
    urls = st.builds("https://{}{}".format, TEXT, TEXT)
    return st.one_of(
        st.dictionaries(fields, ANYTHING, max_size=4).map(json.dumps),
        sets.map(lambda given: json.dumps({"jwks": given})),
        urls.map(lambda url: json.dumps({"jwks_uri": url})),
        st.builds(lambda given: json.dumps({"jwks": {"keys": given}}), ANYTHING),
        ANYTHING.map(json.dumps),
        st.binary(max_size=100),
        st.integers(1, 30_000).map(lambda depth: '{"jwks":' + '{"a":' * min(depth, 10_000) + "[" * (depth // 10)),
    )


def test_json_bodies(hammer, http, tools, tenant):
    """
    A15, A16: whatever stands in a JSON body, also where keys are registered, the answer is one of the contract's.
    """
    sacrificed = a_tenant(tools)
    posts = ["/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/auth/revoke", "/api/v1/rooms", "/api/v1/tenants"]
    patch = f"/api/v1/tenants/{sacrificed.id}"
    doors = st.sampled_from([*(("POST", path) for path in posts), *[("PATCH", patch)] * 5])
    headers = {"X-API-Key": sacrificed.api_key}

    def send(case):
        (method, path), body = case
        return http.open(path, method=method, data=body, content_type=JSON, headers=headers)

    jwks = st.sampled_from([{"keys": [a_key(alg).jwk]} for alg in ("RS256", "ES256", "EdDSA")])
    statuses = hammer(st.tuples(doors, jwks.flatmap(json_bodies)), send)

    assert set(statuses) <= {200, 201, 204, 400, 401, 403, 404, 413}
    assert statuses[400]


def assertions(keys, tenant, now):
    """Assertions of registered keys: members of header and claims replaced by anything, or changed as a text."""
    claims = {"iss": tenant.id, "sub": tenant.id, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": "x"}
    times = st.one_of(ANYTHING, st.floats(allow_nan=True), st.integers(-(2**70), 2**70), st.integers(now, now + 400))
    header = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jwk", "x"]), ANYTHING, max_size=2)
    said = st.fixed_dictionaries({"jti": TEXT}, optional={"aud": ANYTHING, "exp": times, "nbf": times, "iat": times})
    more = st.dictionaries(st.sampled_from(["iss", "sub", "jti", "x"]), ANYTHING, max_size=1)

    def sign(key, changed, claimed, others):
        head: dict[str, Any] = {"alg": key.alg, "kid": key.kid, **changed}
        return key.sign(json.dumps(head).encode(), json.dumps({**claims, **claimed, **others}).encode())

    signed = st.builds(sign, st.sampled_from(keys), header, said, st.one_of(st.just({}), more))
    raw = st.builds(lambda key, *parts: key.sign(*parts), st.sampled_from(keys), st.binary(), st.binary())
    loose = st.lists(st.binary(max_size=40).map(b64), max_size=6).map(".".join)
    return st.one_of(signed, signed, signed.flatmap(mutations), raw, loose, TEXT)


def test_client_assertions(hammer, http, tenant, clock):
    """
    I: whatever a client signs, or does not sign, it is authenticated or it is not.
    """
    keys = [a_key(alg) for alg in ("ES256", "EdDSA", "PS256")]
    register(http, tenant, *keys)
    cases = st.tuples(
        ENDPOINTS,
        assertions(keys, tenant, int(clock.now().timestamp())),
        st.one_of(st.just(ASSERTION_TYPE), st.just(ASSERTION_TYPE), TEXT),
    )

    def send(case):
        path, assertion, kind = case
        form = {"grant_type": "client_credentials", "token": "x", "client_assertion": assertion}
        return http.post(path, data={**form, "client_assertion_type": kind})

    statuses = hammer(cases, send)

    assert set(statuses) <= {200, 400, 401}
    assert statuses[200]
    assert statuses[401]
