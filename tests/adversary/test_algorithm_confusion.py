"""Forged and misshapen tokens: another algorithm, another key, another container, another kind."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey

from tests.builders import a_pair
from tests.forgery import b64, claims_of, header_of, hs256, our_private_key, rs256, signing_input

ROOMS, REFRESH = "/api/v1/rooms", "/api/v1/auth/refresh"
INVALID = {"error": {"code": "UNAUTHORIZED", "message": "Invalid access token"}}
THIEF = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def good(tools, tenant):
    """A good access token, taken apart: header and claims."""
    token = a_pair(tools, tenant).access_token
    return header_of(token), claims_of(token)


def present(http, token):
    return http.get(ROOMS, headers={"Authorization": f"Bearer {token}"})


def assert_is_refused(http, token):
    """By both doors that read JWTs: 401, with nothing told of why."""
    for answer in (present(http, token), http.post(REFRESH, json={"refresh_token": token})):
        assert answer.status_code == 401
    assert present(http, token).json == INVALID


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        " ",
        "RS256 ",
        "rs256",
        "HS256",
        "RS512",
        "PS256",
        "ES256",
        None,
        256,
        True,
        ["RS256"],
        {},
    ],
)
def test_no_other_algorithm_is_accepted(http, good, tools, alg):
    """
    D9, D11: alg none in any case, a neighbour of RS256 and a value that is no string are refused, signed or not.
    """
    header = {**good[0], "alg": alg}

    for signature in ("", "AA", "A" * 43):
        assert_is_refused(http, f"{signing_input(header, good[1])}.{signature}")
    assert_is_refused(http, rs256(header, good[1], our_private_key(tools)))


def test_the_public_key_is_no_shared_secret(http, good, tools):
    """
    D9: HS256 under our public key, in whatever encoding, is refused, under either name of the algorithm.
    """
    public, formats = our_private_key(tools).public_key(), serialization.PublicFormat
    numbers = public.public_numbers()
    document = http.get("/.well-known/jwks.json")
    key = document.json["keys"][0]
    secrets = [
        public.public_bytes(encoding, form)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
        for form in (formats.SubjectPublicKeyInfo, formats.PKCS1)
    ]
    secrets += [secret.rstrip(b"\n") for secret in secrets] + [
        secret.replace(b"\n", b"\r\n") for secret in secrets[::2]
    ]
    secrets += [document.data, json.dumps(key).encode(), json.dumps(key, separators=(",", ":")).encode(), b"", b"\0"]
    secrets += [
        key["n"].encode(),
        key["kid"].encode(),
        str(numbers.n).encode(),
        f"{numbers.n:x}".encode(),
        numbers.n.to_bytes(256),
    ]

    for secret in secrets:
        for alg in ("HS256", "RS256"):
            assert_is_refused(http, hs256({**good[0], "alg": alg}, good[1], secret))


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "kid only"])
def test_a_key_that_the_token_brings_along_is_ignored(http, good, member):
    """
    D9: a thief's key embedded or referred to in the header verifies nothing, with our kid, his own, or none.
    """
    own = RSAKey.import_key(THIEF)
    url = "http://127.0.0.1:1/jwks.json"
    brought = {"jwk": {**own.as_dict(private=False)}, "x5c": [b64(b"certificate")], "jku": url, "x5u": url}
    extra = {} if member == "kid only" else {member: brought.get(member, "AAAA")}
    without = {name: value for name, value in good[0].items() if name != "kid"}

    for header in ({**good[0], **extra}, {**good[0], **extra, "kid": own.thumbprint()}, {**without, **extra}):
        assert_is_refused(http, rs256(header, good[1], THIEF))


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"b64": False},
        {"b64": True},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"x": 1},
        {"jwk": {}},
        {"enc": "A256GCM"},
    ],
)
def test_a_header_says_three_things_and_no_more(http, good, tools, extra):
    """
    D9: unknown crit, b64=false and every other member are refused, even under our own signature.
    """
    assert_is_refused(http, rs256({**good[0], **extra}, good[1], our_private_key(tools)))


HOSTILE: list[Any] = [
    "",
    "../../keys/master.key",
    "/dev/null",
    "' OR '1'='1",
    "x" * 5000,
    "\0",
    "ä",
    "file:///etc/passwd",
    None,
    1,
    [],
    {},
    True,
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_a_hostile_name_finds_no_key(http, good, tools, value):
    """
    D9: whatever stands as kid or typ, it is compared and never looked up elsewhere.
    """
    for name in ("kid", "typ"):
        assert_is_refused(http, rs256({**good[0], name: value}, good[1], our_private_key(tools)))
    refresh = {"alg": "HS256", "typ": "rt+jwt", "kid": value}
    assert_is_refused(http, hs256(refresh, good[1], b"secret"))


@pytest.mark.parametrize(
    "typ",
    ["JWT", "at+JWT", "AT+JWT", "application/at+jwt", "rt+jwt", "client-authentication+jwt", "logout+jwt", "dpop+jwt"],
)
def test_another_type_is_another_token(http, good, tools, typ):
    """
    D8, D10: a JWT of ours that is not of the type `at+jwt` is no access token.
    """
    assert_is_refused(http, rs256({**good[0], "typ": typ}, good[1], our_private_key(tools)))


def test_other_containers_are_no_token(http, good, tools):
    """
    D9: the JSON serialisations, a nested JWT and JWEs of any kind are refused; what no header may carry is 400.
    """
    token = rs256(good[0], good[1], our_private_key(tools))
    protected, payload, signature = token.split(".")
    flat = {"payload": payload, "protected": protected, "signature": signature}
    for each in (flat, {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}):
        assert present(http, json.dumps(each)).status_code == 400
        assert http.post(REFRESH, json={"refresh_token": json.dumps(each)}).status_code == 401

    public = RSAKey.import_key(our_private_key(tools).public_key())
    for alg, key in (("dir", OctKey.generate_key(256)), ("RSA-OAEP", public), ("A256KW", OctKey.generate_key(256))):
        header = {"alg": alg, "enc": "A256GCM", "cty": "JWT", "kid": good[0]["kid"], "typ": "at+jwt"}
        assert_is_refused(http, jwe.encrypt_compact(header, token, key, algorithms=[alg, "A256GCM"]))
    assert_is_refused(http, rs256({**good[0], "cty": "JWT"}, token.encode(), our_private_key(tools)))
    assert_is_refused(http, rs256(good[0], token.encode(), our_private_key(tools)))


def test_a_member_stands_once(http, good, tools):
    """
    D9: a repeated member of header or claims is refused under our own signature: two readers may take two meanings.
    """
    header, claims = (json.dumps(part, separators=(",", ":")).encode() for part in good)
    key = our_private_key(tools)
    assert present(http, rs256(header, claims, key)).status_code == 200

    for first, last in (
        (b'{"alg":"none",', b""),
        (b"{", b',"alg":"RS256"'),
        (b"{", b',"typ":"at+jwt"'),
        (b"{", b',"kid":"x"'),
    ):
        assert_is_refused(http, rs256(first + header[1:-1] + last + b"}", claims, key))
    for first, last in (
        (b'{"exp":1,', b""),
        (b"{", b',"exp":9999999999'),
        (b'{"scope":"",', b""),
        (b"{", b',"aud":"x"'),
    ):
        assert_is_refused(http, rs256(header, first + claims[1:-1] + last + b"}", key))


ODD: dict[str, list[Any]] = {
    "exp": ["9999999999", True, None, 9999999999.5, 1e300, [9999999999], {}, -1, 0],
    "iat": ["1", True, None, 1.5],
    "iss": ["http://127.0.0.1:8000/", "https://127.0.0.1:8000", "HTTP://127.0.0.1:8000", "", None, ["http://127.0.0.1:8000"]],
    "aud": ["http://127.0.0.1:8000/", "http://127.0.0.1:8000/api/v1", "", None, [], ["http://127.0.0.1:8000"]],
    "sid": ["ses_00000000000000000000000000", "x", "", None, 5, "room_00000000000000000000000000"],
    "room_id": ["x", "", "room_", 5, [], "tenant_00000000000000000000000000"],
    "tenant_id": ["x", "", None, 5],
    "scope": [None, 5, ["rooms:read"]],
    "jti": [None, 5],
    "sub": [None, 5],
    "client_id": [None, []],
    "key_id": [5, [], True],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ODD.items() for value in values])
def test_one_wrong_claim_is_enough(http, good, tools, name, value):
    """
    D8, D9: one mutated claim under our own signature, of another value or another type, and the token is refused.
    """
    answer = present(http, rs256(good[0], {**good[1], name: value}, our_private_key(tools)))

    assert answer.status_code == 401
    expired = name == "exp" and value in [0, -1]
    assert answer.json["error"]["code"] == ("TOKEN_EXPIRED" if expired else "UNAUTHORIZED")
