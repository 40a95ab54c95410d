"""RFC 7523: what a client assertion must say, in claims and header, and everything that is refused instead."""

import json
from typing import Any

import pytest

from tests.assertions import ASSERTION_TYPE, ISSUER, a_key, an_assertion, form, register
from tests.builders import a_tenant
from tests.forgery import b64

TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"


@pytest.fixture
def key(http, tenant):
    """The one key of the tenant's client."""
    made = a_key("ES256")
    register(http, tenant, made)
    return made


def send(http, assertion, **more):
    return http.post(TOKEN, data=form(assertion, **more))


def assert_is_no_client(answer):
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), answer.text
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.headers["Cache-Control"] == "no-store"


def said(value, client_id, now):
    """Read a value of the lists below: `me` stands for the client, a number of seconds in braces for a moment."""
    if isinstance(value, str) and value.startswith("now"):
        return int(now.timestamp()) + int(value.removeprefix("now"))
    return client_id if value == "me" else value


RIGHT: dict[str, list[Any]] = {
    "aud": [ISSUER, [ISSUER]],
    "exp": ["now+1", "now+300", "now-59"],
    "nbf": ["now-1", "now+60", "now-100000"],
    "iat": ["now+60", "now-100000"],
    "jti": ["x", "x" * 256, "\0 ä \ud800", "' OR 1=1 --"],
    "more": [{"deep": [1, None, "x"]}, None, "scope"],
}
WRONG: dict[str, list[Any]] = {
    "iss": ["someone", "", None, 5, ["me"], {"a": "me"}, "tenant_01h455vb4pex5vsknk084sn02q", ISSUER, "ME"],
    "sub": ["someone", "", None, 5, ["me"], "tenant_01h455vb4pex5vsknk084sn02q", "\ud800", "room_x", "x" * 4000],
    "aud": [
        *("", None, 5, [], {}, "me", [ISSUER, ISSUER], [ISSUER, "https://other.example"], ["https://other.example"]),
        *(ISSUER + "/", ISSUER + TOKEN, ISSUER + INTROSPECT, [ISSUER + TOKEN], ISSUER.upper(), "http://localhost:8000"),
        *([[ISSUER]], {ISSUER: 1}, "https" + ISSUER[4:], ISSUER + " ", "api://chalk"),
    ],
    "exp": ["now-61", "now+301", "now+100000", 0, -1, None, True, "now", "1e10", [], {}, 1e300, 10**400, -(10**400)],
    "nbf": ["now+61", "now+100", None, True, "x", [], 1e300],
    "iat": ["now+61", "now+100000", None, True, "x", [], 1e300],
    "jti": ["", None, 5, True, [], ["x"], {}, "x" * 257],
}


def pairs(lists):
    return [pytest.param(name, value, id=f"{name}-{str(value)[:20]!r}") for name in lists for value in lists[name]]


@pytest.mark.parametrize(("name", "value"), pairs(RIGHT))
def test_a_right_claim_is_taken(http, tenant, key, clock, *, name, value):
    """
    I: aud is our issuer, also as a list of one; clocks may differ by a minute; exp is at most five minutes ahead.
    """
    claims = {name: said(value, tenant.id, clock.now())}

    answer = send(http, an_assertion(key, tenant.id, clock.now(), **claims))

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("name", "value"), pairs(WRONG))
def test_a_wrong_claim_is_a_failed_authentication(http, tenant, key, clock, *, name, value):
    """
    I: iss = sub = client_id, aud is our issuer alone, exp is near, jti is there; anything else is 401, never 500.
    """
    value = [tenant.id] if value == ["me"] else said(value, tenant.id, clock.now()) if value != "now" else "now"

    assert_is_no_client(send(http, an_assertion(key, tenant.id, clock.now(), **{name: value})))

    assert send(http, an_assertion(key, tenant.id, clock.now())).status_code == 200


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "jti"])
def test_no_required_claim_may_be_missing(http, tenant, key, clock, name):
    """
    I: an assertion without iss, sub, aud, exp or jti is 401.
    """
    assert_is_no_client(send(http, an_assertion(key, tenant.id, clock.now(), without=name)))


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_an_optional_claim_may_be_missing(http, tenant, key, clock, name):
    """
    RFC 7523 section 3: iat and nbf are optional.
    """
    assert send(http, an_assertion(key, tenant.id, clock.now(), without=name)).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        b'{"exp": 1e999, "jti": "x"}',
        b'{"exp": NaN, "jti": "x"}',
        b'{"exp": Infinity, "jti": "x"}',
        b"[]",
        b"null",
        b'"x"',
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"[" * 5000,
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b'{"jti": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda claims: repr(claims[:12]),
)
def test_claims_that_are_no_plain_object_are_refused(http, tenant, key, claims):
    """
    I: NaN, endless numbers, depth, other JSON and no JSON at all: 401, however well it is signed.
    """
    usual = json.dumps({"iss": tenant.id, "sub": tenant.id, "aud": ISSUER})[1:-1].encode()
    claims = claims.replace(b'{"exp"', b"{" + usual + b', "exp"')

    assert_is_no_client(send(http, key.sign({"alg": "ES256", "kid": key.kid}, claims)))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "jti"])
def test_a_claim_must_not_stand_twice(http, tenant, key, clock, name):
    """
    I, D9: two readers could disagree on which of two equal members counts, so neither does.
    """
    seconds = int(clock.now().timestamp())
    claims = {"iss": tenant.id, "sub": tenant.id, "aud": ISSUER, "exp": seconds + 60, "jti": "j"}
    twice = json.dumps(claims)[:-1] + f', "{name}": {json.dumps(claims[name])}}}'

    assert_is_no_client(send(http, key.sign({"alg": "ES256", "kid": key.kid}, twice.encode())))

    assert send(http, key.sign({"alg": "ES256", "kid": key.kid}, claims)).status_code == 200


@pytest.mark.parametrize("typ", [None, "JWT", "client-authentication+jwt", "application/client-authentication+jwt"])
def test_a_right_typ_is_taken(http, tenant, key, clock, typ):
    """
    I: typ is client-authentication+jwt, or JWT, or not there, for clients of before that name.
    """
    assert send(http, an_assertion(key, tenant.id, clock.now(), header={"typ": typ})).status_code == 200


TYPES: list[Any] = ["at+jwt", "rt+jwt", "dpop+jwt", "JWS", "", 5, True, [], ["JWT"], {}, {"a": "JWT"}]
KIDS: list[Any] = [None, "", "unknown", 5, True, [], {}, "../../keys", "\0", "\ud800", "x" * 3000]
ALGS: list[Any] = [None, "", "none", "ES384", "es256", "RS1", "A256GCM", 5, True, [], ["ES256"], {}]
VALUES: list[Any] = [[], False, "x"]
HEADERS: list[dict[str, Any]] = [
    *({"typ": typ} for typ in TYPES),
    *({"kid": kid} for kid in KIDS),
    *({"alg": alg} for alg in ALGS),
    *({name: value} for name in ("crit", "b64", "zip", "cty", "x5t", "nonce") for value in VALUES),
    *({name: "https://keys.example/jwks.json"} for name in ("jku", "x5u")),
    {"x5c": ["AAAA"]},
    {"jwk": {"kty": "oct", "k": "AAAA"}},
]


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: json.dumps(header)[:40])
def test_a_strange_header_is_refused(http, tenant, key, clock, header):
    """
    I, D9: no other typ, kid or alg, of any JSON type, and no other member at all: 401, never 500.
    """
    assert_is_no_client(send(http, an_assertion(key, tenant.id, clock.now(), header=header)))


def malformed(good, key):
    head, body, signature = good.split(".")
    return {
        "nothing": "x",
        "one segment": head,
        "two segments": f"{head}.{body}",
        "four segments": f"{good}.{signature}",
        "five segments, as a JWE": f"{head}.{body}.{signature}.{signature}.{signature}",
        "no signature": f"{head}.{body}.",
        "no header": f".{body}.{signature}",
        "padded": good + "=",
        "spaced": " " + good,
        "in lines": good.replace(".", ".\r\n"),
        "plain base64": f"{head}.{body}.{'+/' * 43}",
        "not canonical": good[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[good[-1]],
        "serialised as JSON": json.dumps({"payload": body, "protected": head, "signature": signature}),
        "header is a list": key.sign(b"[]", b"{}"),
        "header is deep": key.sign(b"[" * 5000, b"{}"),
        "header is no UTF-8": b64(b"\xff") + f".{body}.{signature}",
        "alg twice": key.sign(b'{"alg":"ES256","alg":"ES256","kid":"%s"}' % key.kid.encode(), b"{}"),
        "200 kB": f"{head}.{body}.{signature * 2000}"[:60_000],
        "not ASCII": good.replace(".", "\u3002"),
        "a NUL": good + "\0",
    }


@pytest.mark.parametrize("how", malformed("a.b.w", a_key()))
@pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
def test_a_malformed_assertion_is_a_failed_authentication(http, tenant, key, clock, *, path, how):
    """
    I: invalid_client at every endpoint, never 500; the same assertion, written as it should be, still works then.
    """
    good = an_assertion(key, tenant.id, clock.now())

    assert_is_no_client(http.post(path, data=form(malformed(good, key)[how], token="x")))

    assert send(http, good).status_code == 200


@pytest.mark.parametrize(
    "kind", ["", ASSERTION_TYPE.upper(), "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer", "x"]
)
def test_another_type_of_assertion_is_refused(http, tenant, key, clock, kind):
    """
    RFC 7521 section 4.2: client_assertion_type is there and says what we know.
    """
    assertion = an_assertion(key, tenant.id, clock.now())

    assert_is_no_client(send(http, assertion, client_assertion_type=kind))


def test_a_client_id_beside_it_must_be_the_same(http, tools, tenant, key, clock):
    """
    RFC 7521 section 4.2: client_id is optional beside an assertion, and must name the same client.
    """
    for client_id in (a_tenant(tools).id, "x", tenant.id.upper()):
        assert_is_no_client(send(http, an_assertion(key, tenant.id, clock.now()), client_id=client_id))

    assert send(http, an_assertion(key, tenant.id, clock.now()), client_id=tenant.id).status_code == 200
