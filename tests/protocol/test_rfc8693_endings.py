"""RFC 8693: what ended gives nothing any more, and what was given ends with whatever it was given by."""

import contextlib

import pytest
from sqlalchemy import Engine, event

from app.entrypoints.wiring import wiring_of
from app.flows.revoke_signing_key import revoke_signing_key
from app.flows.tend_signing_keys import tend_signing_keys
from tests.assertions import a_key, an_assertion, change, form, register
from tests.builders import ALL_SCOPES, a_key_holding, a_pair, a_room, a_tenant
from tests.exchanging import TOKEN, Desk, a_subject, asked, assert_is_refused, exchange, granted, token_of
from tests.forgery import claims_of
from tests.signing_keys import the

ROOMS, EXCHANGE, REFRESH = "/api/v1/rooms", "/api/v1/auth/token", "/api/v1/auth/refresh"


@pytest.fixture
def desk(http, tools, tenant):
    """The tenant's client, and a room of it."""
    return Desk(http, tools, tenant, a_room(tools, tenant))


@pytest.fixture
def key_of(tools, tenant):
    """A second key of the tenant, which a test may lose; the first one is its client's secret."""
    return a_key_holding(f"{ALL_SCOPES} offline_access", tenant, tools)


def rotate(http, key, **body):
    answer = http.post(f"/api/v1/tenants/{key.id}/rotate-key", json=body, headers={"X-API-Key": key.api_key})
    assert answer.status_code == 200, answer.text


def set_status(http, tenant, admin_key, status):
    sent = {"json": {"status": status}, "headers": {"X-API-Key": admin_key}}
    assert http.patch(f"/api/v1/tenants/{tenant.id}", **sent).status_code == 200


def by_possession(http, key):
    """Get a pair, of which the access token is a subject too."""
    return http.post(EXCHANGE, json={"api_key": key.api_key}).json["data"]


def revoke_access(http, tenant, pair):
    http.post("/oauth/revoke", data={"token": pair["access_token"]}, auth=(tenant.id, tenant.api_key))


def revoke_refresh(http, tenant, pair):
    http.post("/api/v1/auth/revoke", json={"refresh_token": pair["refresh_token"]})


def end_session(http, tenant, pair):
    sid = claims_of(pair["access_token"])["sid"]
    assert http.delete(f"/api/v1/sessions/{sid}", headers={"X-API-Key": tenant.api_key}).status_code == 200


def reuse(http, _tenant, pair):
    for _ in range(2):
        http.post(REFRESH, json={"refresh_token": pair["refresh_token"]})


@pytest.mark.parametrize("end", [revoke_access, revoke_refresh, end_session, reuse])
def test_a_revoked_subject_gives_nothing(desk, key_of, end):
    """
    L, C2, G6: revoked by either token, by the tenant, or because a spent refresh token came back: it is an error, and
    leaves nothing behind.
    """
    pair = by_possession(desk.http, key_of)
    assert desk.exchange(pair["access_token"]).status_code == 200
    before = desk.left_behind()["participants"]

    end(desk.http, desk.tenant, pair)

    assert not desk.is_active(pair["access_token"])
    assert_is_refused(desk.exchange(pair["access_token"]), "invalid_request")
    assert desk.left_behind()["participants"] == before


def test_a_compromised_key_gives_nothing_and_takes_back_what_it_gave(desk, key_of):
    """
    L, B10: neither it nor its tokens are exchanged any more, and what was exchanged for them, by whichever client's
    key, is dead with them; what came of another key lives on.
    """
    subject = a_subject(desk.http, key_of)
    exchanged = [token_of(desk.exchange(each)) for each in (subject, key_of.api_key)]
    kept = token_of(exchange(desk.http, key_of, desk.subject(), desk.room_id))
    assert [desk.reads(token) for token in [*exchanged, kept]] == [200] * 3

    rotate(desk.http, key_of, reason="compromised")

    for each in (subject, key_of.api_key):
        assert_is_refused(desk.exchange(each), "invalid_request")
    assert [desk.reads(token) for token in [*exchanged, kept]] == [401, 401, 200]
    assert [desk.is_active(token) for token in [*exchanged, kept]] == [False, False, True]


def test_a_key_in_its_grace_is_exchanged_until_that_is_over(desk, key_of, clock):
    """
    L, B5: to the second; the tokens that it opened outlive the rotation.
    """
    subject = a_subject(desk.http, key_of)
    rotate(desk.http, key_of, grace_period=60)
    clock.step(seconds=59)
    assert desk.exchange(key_of.api_key).status_code == 200

    clock.step(seconds=1)

    assert_is_refused(desk.exchange(key_of.api_key), "invalid_request")
    assert granted(desk.exchange(subject))["exp"] == claims_of(subject)["exp"]


def test_a_suspended_tenant_gives_nothing_and_its_old_tokens_stay_dead(desk, admin_key):
    """
    L, B10: unauthorized_client while it is suspended; afterwards its key works, and no token from before.
    """
    subject = desk.subject()
    token = token_of(desk.exchange(subject))
    set_status(desk.http, desk.tenant, admin_key, "suspended")
    for each in (subject, desk.tenant.api_key):
        assert_is_refused(desk.exchange(each), "unauthorized_client")

    set_status(desk.http, desk.tenant, admin_key, "active")

    assert_is_refused(desk.exchange(subject), "invalid_request")
    assert desk.reads(token) == 401
    assert desk.exchange(desk.tenant.api_key).status_code == 200


def test_a_deleted_tenant_is_no_client(desk):
    """
    L, B10: 401 invalid_client, whatever the subject was.
    """
    subject = desk.subject()
    desk.http.delete(f"/api/v1/tenants/{desk.tenant.id}", headers=desk.by_key)

    for each in (subject, desk.tenant.api_key):
        answer = desk.exchange(each)
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_what_was_exchanged_ends_with_its_room_and_its_participant(desk):
    """
    B10, L: a removed participant's token is dead at once, and so is everybody's when the room ends.
    """
    tokens = [token_of(desk.exchange(desk.subject())) for _ in range(2)]
    gone = claims_of(tokens[0])["participant_id"]
    key = desk.by_key

    desk.http.delete(f"{ROOMS}/{desk.room_id}/participants/{gone}", headers=key)
    assert [desk.reads(token) for token in tokens] == [401, 200]
    desk.http.post(f"{ROOMS}/{desk.room_id}/end", headers=key)
    assert [desk.is_active(token) for token in tokens] == [False, False]


def test_a_withdrawn_client_key_ends_what_was_exchanged_by_it(desk, clock):
    """
    I, B10, L: the session that a participant got for a token of an assertion is dead with the key that signed it, and
    with no other.
    """
    keys = [a_key(), a_key("EdDSA")]
    register(desk.http, desk.tenant, *keys)

    def ask(key, **fields):
        shown = form(an_assertion(key, desk.tenant.id, clock.now()))
        return desk.http.post(TOKEN, data={**shown, **fields}).json["access_token"]

    tokens = [ask(key, **asked(ask(key), desk.room_id)) for key in keys]
    assert [desk.reads(token) for token in tokens] == [200, 200]

    change(desk.http, desk.tenant, jwks={"keys": [keys[1].jwk]})

    assert [desk.reads(token) for token in tokens] == [401, 200]


def test_a_subject_whose_signing_key_was_revoked_is_refused_by_every_worker(start):
    """
    E6, L: in an emergency, at once, also by a worker that still has the key in memory.
    """
    apps = [start(SIGNING_ALGORITHM="ES256") for _ in range(2)]
    for app in apps:
        tend_signing_keys(wiring_of(app).tools)
    tools = wiring_of(apps[0]).tools
    tenant = a_tenant(tools)
    room_id, subject = a_room(tools, tenant), a_pair(tools, tenant).access_token
    desks = [Desk(app.test_client(), tools, tenant, room_id) for app in apps]
    assert [desk.exchange(subject).status_code for desk in desks] == [200, 200]
    before = desks[0].left_behind()

    revoke_signing_key(the(tools, "active"), "the disk was sold", tools)

    for desk in desks:
        assert_is_refused(desk.exchange(subject), "invalid_request")
    assert desks[0].left_behind() == before


@contextlib.contextmanager
def before_the_first_lock(happens):
    """Have something happen once in the block: when a story has looked at all it leans on, and holds none of it."""
    waiting = [happens]

    def note(_connection, _cursor, statement, *_rest):
        if waiting and statement.startswith(("SELECT pg_advisory_xact_lock_shared(", "BEGIN IMMEDIATE")):
            waiting.pop()()

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert waiting == []


@pytest.mark.parametrize("kind", ["token", "key"])
@pytest.mark.parametrize("ending", ["compromised", "revoked", "suspended", "deleted"])
def test_a_subject_that_ends_meanwhile_is_refused_by_the_book(desk, key_of, admin_key, kind, ending):
    """
    L, A9, B10: between the look at it and the lock that holds it, whatever ends it leaves a refusal of the closed list,
    which the client's own authentication has nothing to do with, and nobody in the room.
    """
    pair = by_possession(desk.http, key_of)
    ends = {
        "compromised": lambda: rotate(desk.http, key_of, reason="compromised"),
        "revoked": lambda: end_session(desk.http, desk.tenant, pair) if kind == "token" else rotate(desk.http, key_of),
        "suspended": lambda: set_status(desk.http, desk.tenant, admin_key, "suspended"),
        "deleted": lambda: desk.http.delete(f"/api/v1/tenants/{desk.tenant.id}", headers=desk.by_key),
    }
    subject = pair["access_token"] if kind == "token" else key_of.api_key

    with before_the_first_lock(ends[ending]):
        answer = desk.exchange(subject)

    paused = (kind, ending) == ("key", "suspended")
    assert_is_refused(answer, "unauthorized_client" if paused else "invalid_request")
    assert desk.left_behind()["participants"] == 0
