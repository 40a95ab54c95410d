"""Resource servers in nginx as we ship them: what they let pass and refuse; a key rotation is not noticed."""

import base64
import dataclasses
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.flows.activate_signing_key import activate_signing_key
from app.flows.look_up import look_up_jwks
from tests.deploy.conftest import FILES
from tests.forgery import b64, claims_of, header_of, hs256, our_private_key, rs256, signing_input
from tests.named_keys import a_named_key

BOTH = ("files.example.com", "archive.example.com")


def get(site, name, token=None, *headers, scheme="Bearer", path="/report"):
    authorization = [] if token is None else [f"Authorization: {scheme} {token}"]
    return site.edge.ask(f"GET {path}", *authorization, *headers, name=name)


def issue(site, **asked):
    values = {"grant_type": "client_credentials", "resource": FILES, "scope": "rooms:read", **asked}
    body = "&".join(f"{name}={value}" for name, value in values.items() if value).encode()
    basic = base64.b64encode(f"{site.tenant.id}:{site.tenant.api_key}".encode()).decode()
    form = "Content-Type: application/x-www-form-urlencoded"
    answer = site.edge.ask("POST /oauth/token", form, f"Authorization: Basic {basic}", body=body)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["access_token"]


def revoke(site, token):
    basic = base64.b64encode(f"{site.tenant.id}:{site.tenant.api_key}".encode()).decode()
    form = "Content-Type: application/x-www-form-urlencoded"
    answer = site.edge.ask("POST /oauth/revoke", form, f"Authorization: Basic {basic}", body=f"token={token}".encode())
    assert answer.status == 200


def rs512(header, claims, key):
    head = signing_input(header, claims)
    return f"{head}.{b64(key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA512()))}"


@pytest.mark.parametrize("name", BOTH)
def test_a_good_token_opens_the_service_and_says_who_it_is(site, name):
    """
    The service behind learns tenant and scope from the token alone, and never sees the token.
    """
    token = issue(site)
    forged = ("X-Tenant-Id: tenant_other", "X-Scope: everything", "X-Room-Id: room_other", "X-Participant-Id: p_other")
    for scheme in ("Bearer", "bearer"):
        answer = get(site, name, token, *forged, scheme=scheme)
        seen = json.loads(answer.body)

        assert answer.status == 200
        assert (seen["x-tenant-id"], seen["x-scope"]) == (site.tenant.id, "rooms:read")
        assert not seen.keys() & {"authorization", "x-room-id", "x-participant-id"}


@pytest.mark.parametrize("name", BOTH)
def test_what_is_no_good_token_never_reaches_the_service(site, name):
    """
    D9, D10: of the wrong kind, for somebody else, of somebody else, too old, of a test key, or not a token: 401.
    """
    token = issue(site)
    head, claims, key = header_of(token), claims_of(token), our_private_key(site.tools)
    stranger = rsa.generate_private_key(65537, 2048)
    public = json.loads(look_up_jwks(site.tools))["keys"][0]["n"].encode()
    assert rs256(head, claims, key) == token
    bad = [
        None,
        "",
        "x",
        site.tenant.api_key,
        token[:-8] + "AAAAAAAA",
        token + "A",
        issue(site, resource=None),
        rs256({**head, "typ": "JWT"}, claims, key),
        rs256({name: value for name, value in head.items() if name != "typ"}, claims, key),
        rs256({**head, "kid": "unknown"}, claims, stranger),
        rs256(head, claims, stranger),
        hs256({**head, "alg": "HS256"}, claims, public),
        hs256({**head, "alg": "none"}, claims, public).rpartition(".")[0] + ".",
        rs256(head, {**claims, "iss": "https://AUTH.example.com"}, key),
        rs256(head, {**claims, "aud": "https://FILES.example.com"}, key),
        rs256(head, {**claims, "aud": "https://elsewhere.example.com"}, key),
        rs256(head, {**claims, "exp": int(time.time()) - 61}, key),
        rs256(head, {name: value for name, value in claims.items() if name != "exp"}, key),
        rs512({**head, "alg": "RS512"}, claims, key),
        # Introspection tells of the claims that the server knows; this one it would have to have written.
        *([rs256(head, {**claims, "mode": "test"}, key)] if name == BOTH[0] else []),
    ]
    behind = site.files if name == BOTH[0] else site.archive
    before = len(behind.arrived)

    assert [(each, get(site, name, each).status) for each in bad if get(site, name, each).status != 401] == []
    assert len(behind.arrived) == before


@pytest.mark.parametrize("name", BOTH)
def test_a_token_of_a_test_key_reaches_nothing_that_is_live(site, name):
    """
    D7, H1: it is good, and active where it is introspected, and says that it is for tests; a live service refuses it.
    """
    of_tests = issue(dataclasses.replace(site, tenant=a_named_key(site.tools, site.tenant, mode="test")))
    behind = site.files if name == BOTH[0] else site.archive
    before = len(behind.arrived)

    assert (claims_of(of_tests)["mode"], claims_of(of_tests)["aud"]) == ("test", FILES)
    assert [get(site, name, token).status for token in (of_tests, issue(site))] == [401, 200]
    assert len(behind.arrived) == before + 1


@pytest.mark.parametrize("name", BOTH)
def test_a_token_without_the_scope_is_forbidden(site, name):
    """
    M: right, but for something else: 403; a scope that begins or ends alike is not the one.
    """
    assert get(site, name, issue(site, scope="rooms:write")).status == 403
    assert get(site, name, issue(site, scope="rooms:write rooms:read tenant:read")).status == 200
    # Signed by us, and of a session that may do it: the claim itself is compared, whole.
    if name == BOTH[0]:
        token = issue(site)
        head, claims, key = header_of(token), claims_of(token), our_private_key(site.tools)
        for scope in ("rooms:readers", "my-rooms:read", "rooms:READ", ""):
            assert get(site, name, rs256(head, {**claims, "scope": scope}, key)).status == 403


def test_only_who_asks_learns_of_a_revocation(site):
    """
    G6: introspection refuses from the next request on; the JWKS alone cannot tell, which is its price.
    """
    token = issue(site)
    assert [get(site, name, token).status for name in BOTH] == [200, 200]

    revoke(site, token)

    assert [get(site, name, token).status for name in BOTH] == [200, 401]


@pytest.mark.parametrize("name", BOTH)
def test_a_refusal_says_what_is_wanted(site, name):
    """
    M: no credential is told the scheme alone, a bad one that it is bad, one for something else which scope it lacks.
    """
    realm = f'Bearer realm="{name.partition(".")[0]}"'
    wanted = {
        None: realm,
        "x": f'{realm}, error="invalid_token"',
        issue(site, scope="rooms:write"): f'{realm}, error="insufficient_scope", scope="rooms:read"',
        issue(site): None,
    }

    assert {token: get(site, name, token).header("www-authenticate") for token in wanted} == wanted


def test_the_inner_locations_are_not_for_clients(site):
    """
    Nobody reaches the JWKS or the introspection of a resource server from outside.
    """
    for name, path in ((BOTH[0], "/_jwks"), (BOTH[1], "/_token"), (BOTH[1], "/_introspect")):
        assert get(site, name, issue(site), path=path).status == 404


def test_a_key_rotation_is_not_noticed(site):
    """
    E2: with a copy of the JWKS from before, tokens of the old key and of the new one are good throughout.
    """
    old = issue(site)
    assert get(site, BOTH[0], old).status == 200

    active = activate_signing_key(None, "the suite", site.tools)
    deadline = time.monotonic() + 10
    new = issue(site)
    while header_of(new)["kid"] != active and time.monotonic() < deadline:
        assert [get(site, name, new).status for name in BOTH] == [200, 200]
        new = issue(site)

    assert header_of(new)["kid"] == active != header_of(old)["kid"]
    for token in (old, new):
        assert [get(site, name, token).status for name in BOTH] == [200, 200]
