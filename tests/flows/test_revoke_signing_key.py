"""Emergency: a signing key is in the wrong hands, and from now on it is nobody's."""

import dataclasses

import pytest

from app.domain.access_tokens import mint
from app.domain.access_tokens.claims import AccessClaims
from app.entrypoints.wiring import wiring_of
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refusals import InvalidAccessTokenError, NotFoundError
from app.flows.revoke_signing_key import revoke_signing_key
from app.flows.revoke_token import revoke_token
from app.flows.steps import Credential
from app.flows.tend_signing_keys import tend_signing_keys
from tests.builders import a_pair, a_tenant
from tests.forgery import claims_of, header_of
from tests.signing_keys import kids, published_by, record, records, the, verify

REASON = "the disk was sold"


@pytest.fixture
def workers(start):
    """Four workers that have long read the keys."""
    made = [start(SIGNING_ALGORITHM="ES256") for _ in range(4)]
    for each in made:
        tend_signing_keys(wiring_of(each).tools)
    return made


@pytest.fixture
def tools(workers):
    """The first worker's tools."""
    return wiring_of(workers[0]).tools


@pytest.fixture
def tenant(tools):
    """A tenant on their database."""
    return a_tenant(tools)


def rooms(app, token):
    return app.test_client().get("/api/v1/rooms", headers={"Authorization": f"Bearer {token}"}).status_code


def is_active(app, tenant, token):
    form = {"token": token, "client_id": tenant.id, "client_secret": tenant.api_key}
    answer = app.test_client().post("/oauth/introspect", data=form)
    assert answer.status_code == 200
    return answer.json["active"]


def test_its_tokens_are_dead_at_once_on_every_worker(workers, tools, tenant):
    """
    E6: the very next request on every worker refuses them, at our resources and at introspection, whatever it has in
    memory; the refresh token lives, and brings one that another key signed.
    """
    pair = a_pair(tools, tenant)
    before = [(rooms(app, pair.access_token), is_active(app, tenant, pair.access_token)) for app in workers]

    revoke_signing_key(the(tools, "active"), REASON, tools)

    after = [(rooms(app, pair.access_token), is_active(app, tenant, pair.access_token)) for app in workers]
    assert (before, after) == ([(200, True)] * 4, [(401, False)] * 4)
    for app in workers:
        fresh = app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": pair.refresh_token})
        pair = dataclasses.replace(pair, refresh_token=fresh.json["data"]["refresh_token"])
        assert fresh.status_code == 200


def test_every_worker_soon_signs_with_a_living_key(workers, tools, tenant, clock):
    """
    E6: the one that revoked it does so at once, the others when what they last read is older than it may be.
    """
    revoke_signing_key(the(tools, "active"), REASON, tools)
    assert header_of(a_pair(tools, tenant).access_token)["kid"] == the(tools, "active")
    clock.step(seconds=11)

    tokens = [a_pair(wiring_of(app).tools, tenant).access_token for app in workers]

    assert [header_of(token)["kid"] for token in tokens] == [the(tools, "active")] * 4
    assert [rooms(app, token) for app in workers for token in tokens] == [200] * 16


def test_the_standby_signs_in_its_place_or_else_a_fresh_key(workers, tools, tenant, clock):
    """
    E6: whichever there is, at once; with a new standby behind it. The reason is recorded, the private half is gone.
    """
    for _ in range(2):
        active, standby = the(tools, "active"), the(tools, "standby")

        revoke_signing_key(active, REASON, tools)

        assert the(tools, "active") == standby
        assert published_by(tools).keys() == {standby, the(tools, "standby")}
        gone = record(tools, active)
        assert (gone.state, gone.reason, gone.revoked_at) == ("revoked", REASON, tools.clock.now())
        verify(a_pair(tools, tenant).access_token, published_by(tools))

    before = {each.kid for each in records(tools)}
    for kid in (the(tools, "standby"), the(tools, "active")):
        revoke_signing_key(kid, REASON, tools)
    assert the(tools, "active") not in before - set(kids(tools, "revoked"))
    verify(a_pair(tools, tenant).access_token, published_by(tools))
    clock.step(seconds=2)
    assert all(rooms(app, a_pair(tools, tenant).access_token) == 200 for app in workers)


def test_a_key_that_waits_or_only_verifies_can_be_revoked_too(workers, tools, tenant, clock):
    """
    E6: whatever its state; what signs goes on, and so do its tokens.
    """
    old_token = a_pair(tools, tenant).access_token
    clock.step(days=90)
    tend_signing_keys(tools)
    clock.step(minutes=-1)
    token, retired = a_pair(tools, tenant).access_token, the(tools, "retired")
    assert header_of(old_token)["kid"] == retired

    revoke_signing_key(retired, REASON, tools)
    revoke_signing_key(the(tools, "standby"), REASON, tools)

    assert published_by(tools).keys() == {header_of(token)["kid"], the(tools, "standby")}
    assert [rooms(app, token) for app in workers] == [200] * 4


def test_a_key_is_revoked_once(tools):
    """
    A key that is gone, or never was, is not found; the first reason stays.
    """
    kid = the(tools, "active")
    revoke_signing_key(kid, REASON, tools)

    for name in (kid, "never", ""):
        with pytest.raises(NotFoundError):
            revoke_signing_key(name, "another reason", tools)

    assert record(tools, kid).reason == REASON


def test_what_the_thief_signs_is_worth_nothing(workers, tools, tenant):
    """
    E6: a forged token of a revoked key is refused on a worker that has read nothing since; also as a right to end
    someone's session.
    """
    pair = a_pair(tools, tenant)
    stolen = tools.keyring.signer
    forged = mint(AccessClaims(**{**claims_of(pair.access_token), "jti": "forged"}), stolen)
    revoke_signing_key(stolen.kid, REASON, tools)

    idle = wiring_of(workers[3]).tools
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(forged, idle)
    assert not is_active(workers[3], tenant, forged)

    thief = a_tenant(tools, "Thief")
    revoke_token(forged, Credential(secret=thief.api_key), idle)
    assert is_active(workers[2], tenant, pair.refresh_token)
