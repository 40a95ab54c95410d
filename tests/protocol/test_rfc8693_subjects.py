"""RFC 8693 section 2.1: a subject that is not what it must be is an error, whatever else it is, and never dropped."""

import uuid
from typing import Any

import pytest

from app.foundation.identifiers import print_id
from tests.adversary.test_token_kinds import misshapen, wardrobe
from tests.assertions import a_key, an_assertion, form, register
from tests.builders import a_key_holding, a_pair, a_room, a_tenant, an_operator
from tests.exchanging import (
    ACCESS,
    API_KEY,
    OF_RFC,
    TOKEN,
    Desk,
    a_subject,
    asked,
    assert_is_refused,
    granted,
    token_of,
)
from tests.forgery import b64, claims_of, header_of, hs256, our_private_key, rs256, signing_input
from tests.guessers import Secrets, revoke


@pytest.fixture
def desk(http, tools, tenant):
    """The tenant's client, and a room of it."""
    return Desk(http, tools, tenant, a_room(tools, tenant))


def strangers(desk):
    """What is a credential, and none that this tenant may exchange."""
    http, tools, tenant = desk.http, desk.tools, desk.tenant
    neighbour, paused, dead = a_tenant(tools), a_tenant(tools), a_key_holding("participants:write", tenant, tools)
    revoke(tools, dead)
    suspend = {"json": {"status": "suspended"}, "headers": {"X-API-Key": an_operator(tools)}}
    assert http.patch(f"/api/v1/tenants/{paused.id}", **suspend).status_code == 200
    guest = desk.exchange(tenant.api_key, scope="participants:write offline_access").json
    return {
        "a neighbour's token": a_subject(http, neighbour),
        "a neighbour's key": neighbour.api_key,
        "a paused neighbour's key": paused.api_key,
        "a participant's token": guest["access_token"],
        "a participant's refresh token": guest["refresh_token"],
        "a revoked key": dead.api_key,
        "a wrong key": Secrets(tools, tenant).named().api_key,
        "an assertion": an_assertion(a_key(), tenant.id, tools.clock.now()),
    }


def forgeries(tools, subject):
    """What is made of a good subject, most of it under our own signing key."""
    header, claims, key = header_of(subject), claims_of(subject), our_private_key(tools)
    changes: list[dict[str, Any]] = [
        *({"exp": int(tools.clock.now().timestamp()) + offset} for offset in (-3600, 0)),
        *({name: None} for name in ("iss", "aud", "sub", "exp", "iat", "jti", "sid", "tenant_id", "scope")),
        *({name: 1} for name in ("iss", "aud", "jti", "sid", "tenant_id", "scope", "participant_id")),
        {"iss": "https://other.example"},
        {"aud": "https://other.example"},
        {"aud": [claims["aud"]]},
        *({"sid": value} for value in ("x", print_id("ses", uuid.uuid4()), print_id("p", uuid.uuid4()))),
        {"tenant_id": print_id("tenant", uuid.uuid4())},
        {"participant_id": print_id("p", uuid.uuid4())},
        {"participant_id": ""},
        {"role": "host"},
    ]
    changed = [{name: value for name, value in (claims | each).items() if value is not None} for each in changes]
    heads: list[dict[str, Any]] = [
        {"typ": "JWT"},
        {"typ": "rt+jwt"},
        {"alg": "none"},
        {"alg": "ES256"},
        {"kid": "x"},
        {"crit": ["exp"]},
    ]
    without = {name: value for name, value in claims.items() if name != "sid"}
    return [
        *(rs256(header, each, key) for each in [*changed, without]),
        *(rs256(header | each, claims, key) for each in heads),
        hs256(header | {"alg": "HS256"}, claims, tools.master.refresh),
        signing_input(header | {"alg": "none"}, claims) + ".",
        rs256(header, claims, key) + "A",
        f" {subject}",
        f"{subject}\n",
        subject.rpartition(".")[0],
        f"{subject[:-2]}{b64(bytes(1))}",
    ]


def assert_all_are_refused(desk, subjects):
    """Under each type that there is, in one and the same way, and with nothing left behind."""
    before = desk.left_behind()
    told = set()
    for subject in subjects:
        for kind in (ACCESS, API_KEY):
            answer = desk.exchange(subject, subject_token_type=kind)
            assert_is_refused(answer, "invalid_request")
            told.add(answer.data)
    assert len(told) == 1
    assert desk.left_behind() == before


def test_every_other_credential_of_ours_is_refused(desk):
    """
    L, D10, B8: neighbours' tokens and keys, participants' tokens, refresh tokens, assertions, dead keys, ids: nothing
    but a token or a living key of the client's own tenant is exchanged, and nobody is told why.
    """
    others = {**wardrobe(desk.http, desk.tools, desk.tenant), **strangers(desk)}

    bad = [subject for name, subject in others.items() if name not in {"access", "key"}]

    assert len(bad) == 17
    assert_all_are_refused(desk, bad)
    for good in ("access", "key"):
        assert granted(desk.exchange(others[good]))["role"] == "host"


@pytest.mark.parametrize(("good", "kind"), [("access", API_KEY), ("key", ACCESS)])
def test_a_good_subject_of_another_type_than_it_says_is_refused(desk, good, kind):
    """
    L, D10: a token is no key, and a key is no token.
    """
    subject = wardrobe(desk.http, desk.tools, desk.tenant)[good]

    assert_is_refused(desk.exchange(subject, subject_token_type=kind), "invalid_request")


def test_a_forged_subject_is_refused(desk):
    """
    L, D8, D9: one changed, missing or mistyped claim or header is enough, though our own key signed it; so is a
    signature of another kind, or none, and any other spelling of a good token.
    """
    subject = desk.subject()

    bad = forgeries(desk.tools, subject)

    assert rs256(header_of(subject), claims_of(subject), our_private_key(desk.tools)) == subject
    assert_all_are_refused(desk, bad)
    assert desk.exchange(subject).status_code == 200


def test_a_misshapen_subject_is_refused(desk):
    """
    L, D9: deep, endless and broken tokens are 400 and never 500, if they are short enough to be read at all.
    """
    bad = [token for token in misshapen(desk.tools, desk.tenant).values() if len(token) < 60_000]

    assert len(bad) >= 10
    assert_all_are_refused(desk, [*bad, "x", ".", "..", "\0", "ä", "sk_", "null", "undefined"])


@pytest.mark.parametrize(
    "name", ["refresh_token", "id_token", "saml1", "saml2", "jwt", "Access_token", "access_token "]
)
def test_a_type_that_we_do_not_take_is_refused(desk, name):
    """
    L: `subject_token_type` is one of the two that there are, to the byte, though the token itself is good.
    """
    for subject in desk.subjects():
        answer = desk.exchange(subject, subject_token_type=OF_RFC + name)

        assert_is_refused(answer, "invalid_request")


@pytest.mark.parametrize("scope", ["participants:read rooms:read", "rooms:write tenant:write keys:write"])
@pytest.mark.parametrize("kind", [ACCESS, API_KEY])
def test_a_subject_that_may_not_admit_is_refused(desk, scope, kind):
    """
    L: without `participants:write` a subject admits nobody; the client's own scope makes no difference.
    """
    key = a_key_holding(scope, desk.tenant, desk.tools).api_key

    answer = desk.exchange(key if kind == API_KEY else desk.subject(scope=scope))

    assert_is_refused(answer, "invalid_request")


def test_what_comes_out_passes_for_nothing_else(desk):
    """
    D10: a participant's token opens the bearer door of its room, and none of the others: it is no key, no secret, no
    refresh token, no assertion and no subject.
    """
    token = token_of(desk.exchange(desk.subject()))
    auth = desk.auth

    answers = [
        desk.http.get("/api/v1/rooms", headers={"X-API-Key": token}),
        desk.http.post("/api/v1/auth/token", json={"api_key": token}),
        desk.http.post("/api/v1/auth/refresh", json={"refresh_token": token}),
        desk.http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(desk.tenant.id, token)),
        desk.http.post(TOKEN, data=form(token)),
        desk.http.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": token}, auth=auth),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 401, 400]
    assert answers[-1].json["error"] == "invalid_grant"
    for kind in (ACCESS, API_KEY):
        assert_is_refused(desk.exchange(token, subject_token_type=kind), "invalid_request")
    assert desk.reads(token) == 200
    assert desk.is_active(token)


def test_keys_of_a_client_that_signs_assertions_are_no_subjects(desk, clock):
    """
    I, L: who registered keys does without secrets at /oauth/*, as a subject too; its own tokens are exchanged.
    """
    key = a_key()
    register(desk.http, desk.tenant, key)

    def ask(subject):
        shown = form(an_assertion(key, desk.tenant.id, clock.now()))
        return desk.http.post(TOKEN, data={**shown, **asked(subject, desk.room_id)})

    assert_is_refused(ask(desk.tenant.api_key), "invalid_request")
    assert granted(ask(a_pair(desk.tools, desk.tenant).access_token))["room_id"] == desk.room_id
