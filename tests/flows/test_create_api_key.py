"""Creating an API key: it may do no more than its creator, lives no longer, and neither does anything that it opens."""

from datetime import UTC, datetime, timedelta

import pytest

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_api_key import change_api_key
from app.flows.create_api_key import KeyWanted, create_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.issue_resource_server_key import issue_resource_server_key
from app.flows.refusals import (
    InsufficientScopeError,
    InvalidApiKeyError,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    NotFoundError,
    TenantSuspendedError,
)
from app.flows.results import KeyChanges
from app.flows.steps import Credential
from tests.adversary.ended_scene import a_scene, life_of, must, read
from tests.adversary.ended_ways import BY_SECRET, Person
from tests.assertions import ISSUER, a_key, register
from tests.builders import ALL_SCOPES, Tenant, a_tenant
from tests.named_keys import (
    a_named_key,
    by,
    caller,
    details,
    ends_at,
    keys_of,
    name_of,
    rotated,
    works,
)

NARROW = "keys:write rooms:read"


def create(tools, creator, scope=None, tenant=None, **wanted):
    return create_api_key(creator, (tenant or creator).id, KeyWanted("Spare", scope, **wanted), tools)


def test_a_key_holds_what_its_creator_does_or_the_part_that_was_asked_for(tools, tenant):
    """
    A14: without a scope it is all that the creator holds; order and repetition say nothing.
    """
    narrow = a_named_key(tools, tenant, f"rooms:read {NARROW} rooms:read")

    assert details(tools, tenant, a_named_key(tools, tenant)).scopes == f"{ALL_SCOPES} offline_access"
    assert caller(narrow, tools).scope == NARROW
    assert caller(a_named_key(tools, narrow), tools).scope == NARROW
    assert caller(a_named_key(tools, narrow, "rooms:read"), tools).scope == "rooms:read"


@pytest.mark.parametrize("asked", ["rooms:write", "rooms:read rooms:write", "keys:read", "offline_access", "nonsense"])
def test_nobody_issues_a_key_that_may_do_more_than_their_own(tools, tenant, asked):
    """
    A14, B10: a scope that the creator lacks, or that nobody has, is refused, and no key is made.
    """
    narrow = a_named_key(tools, tenant, NARROW)

    with pytest.raises(InvalidScopeError):
        a_named_key(tools, narrow, asked)


def test_nobody_issues_a_key_that_lives_longer_than_their_own(tools, tenant, clock):
    """
    B5, B10: what is to end later, or never, ends with its creator; what is to end earlier does. A chain of creations
    gains nothing.
    """
    now = clock.now()
    short = a_named_key(tools, tenant, expires_at=now + timedelta(hours=1))

    made = {after: a_named_key(tools, short, expires_at=after and now + after) for after in (None, timedelta(days=9))}
    earlier = a_named_key(tools, short, expires_at=now + timedelta(minutes=1))

    assert {ends_at(tools, tenant, key) for key in [*made.values(), a_named_key(tools, made[None])]} == {
        now + timedelta(hours=1)
    }
    assert ends_at(tools, tenant, earlier) == now + timedelta(minutes=1)
    clock.step(hours=1)
    assert not any(works(tools, key) for key in [short, *made.values(), earlier])


@pytest.mark.parametrize("own_end", [None, timedelta(days=9)])
def test_a_key_in_its_grace_issues_none_that_outlives_the_grace(tools, tenant, clock, own_end):
    """
    B5, I10: who still has a key that was replaced cannot buy time with it.
    """
    old = a_named_key(tools, tenant, expires_at=own_end and clock.now() + own_end)
    rotated(tools, tenant, old, grace_seconds=600)

    made = a_named_key(tools, old)

    assert ends_at(tools, tenant, made) == clock.now() + timedelta(seconds=600)


def test_an_operator_issues_any_key(tools, tenant, admin_key, clock):
    """
    CONTRACT 3: of any tenant, with every scope, with any end or none; a resource server's key issues none.
    """
    operator, end = authenticate_api_key(admin_key, tools), clock.now() + timedelta(days=9)
    server = authenticate_api_key(issue_resource_server_key(ISSUER, tools).text, tools)

    made = [create(tools, operator, tenant=tenant), create(tools, operator, tenant=tenant, expires_at=end)]

    assert {each.details.scopes for each in made} == {f"{ALL_SCOPES} offline_access"}
    assert [each.details.expires_at for each in made] == [None, end]
    assert caller(Tenant(tenant.id, made[0].issued.text), tools).kind == "tenant"
    with pytest.raises(NotFoundError):
        create(tools, server, tenant=tenant)


def test_only_who_may_write_keys_creates_them_and_only_their_own(tools, tenant):
    """
    B8: without `keys:write` it is refused; another tenant, and one that is not there, do not exist.
    """
    reader = a_named_key(tools, tenant, "keys:read rooms:read")
    with pytest.raises(InsufficientScopeError):
        a_named_key(tools, reader)

    for other in (a_tenant(tools).id, "tenant_" + "0" * 26, "tenant_x"):
        with pytest.raises(NotFoundError):
            create(tools, caller(tenant, tools), tenant=Tenant(other, ""))


def test_a_creator_who_waited_in_line_gives_what_is_left_to_them(tools, tenant, clock):
    """
    B10, I10: what a key lost since it was authenticated it cannot hand on, and once it has ended nothing at all.
    """
    key = a_named_key(tools, tenant, "keys:write rooms:read rooms:write")
    before, owner = caller(key, tools), caller(tenant, tools)

    change_api_key(owner, tenant.id, name_of(key), KeyChanges(scopes=NARROW), tools)
    assert create(tools, before, tenant=tenant).details.scopes == NARROW
    change_api_key(owner, tenant.id, name_of(key), KeyChanges(scopes="rooms:read"), tools)
    with pytest.raises(InsufficientScopeError):
        create(tools, before, tenant=tenant)
    rotated(tools, tenant, key)
    with pytest.raises(InvalidApiKeyError):
        create(tools, before, tenant=tenant)


@pytest.mark.parametrize("seconds", [0, -0.000001, -86_400])
def test_a_key_that_would_be_over_already_is_not_issued(tools, tenant, clock, seconds):
    """
    CONTRACT 3: the end must lie ahead, by however little.
    """
    with pytest.raises(InvalidRequestError) as refusal:
        a_named_key(tools, tenant, expires_at=clock.now() + timedelta(seconds=seconds))

    assert refusal.value.field == "expires_at"
    assert works(tools, a_named_key(tools, tenant, expires_at=clock.now() + timedelta(microseconds=1)))


def test_nothing_that_a_key_opens_outlives_it_through_however_many_hands(http, tools, clock):
    """
    B10, L: an access token of every way of asking says an end no later than the key's; from that end on neither it nor
    its session is alive anywhere, and no way gives another.
    """
    scene = a_scene(http, tools)
    end, one = clock.now() + timedelta(seconds=600, microseconds=7), keys_of(scene.tenant, name_of(scene.tenant))
    known = scene.admit("someone").claims["participant_id"]
    assert http.patch(one, json={"expires_at": end.isoformat()}, headers=by(scene.spare)).status_code == 200
    ways = {name: ask for name, ask in BY_SECRET.items() if name != "exchange of another key"}

    # Those through whose hands it goes were there before the key had an end.
    granted = {name: must(ask(scene, Person(name, known))) for name, ask in ways.items()}
    assert {datetime.fromtimestamp(each.claims["exp"], UTC) for each in granted.values()} == {
        end.replace(microsecond=0)
    }
    clock.step(seconds=600, microseconds=7)

    assert {name: life_of(each, scene) for name, each in granted.items()} == dict.fromkeys(ways, "-")
    refused = {read(ask(scene, Person(name, known))) for name, ask in ways.items()}
    assert refused <= {"UNAUTHORIZED", "TOKEN_EXPIRED", "invalid_client", "invalid_request"}


def test_a_key_of_a_suspended_tenant_waits_with_the_others(http, tools, tenant, admin_key):
    """
    B10: an operator may issue one, and it works when the tenant does.
    """
    operator, one = authenticate_api_key(admin_key, tools), f"/api/v1/tenants/{tenant.id}"
    http.patch(one, json={"status": "suspended"}, headers=by(admin_key))
    made = Tenant(tenant.id, create(tools, operator, tenant=tenant).issued.text)

    for attempt in (authenticate_api_key, lambda text, tools: a_named_key(tools, Tenant(tenant.id, text))):
        with pytest.raises(TenantSuspendedError):
            attempt(made.api_key, tools)
    with pytest.raises(TenantSuspendedError):
        exchange_api_key(Exchange(Credential(secret=made.api_key)), tools)
    http.patch(one, json={"status": "active"}, headers=by(admin_key))
    assert works(tools, made)


def test_a_key_of_a_client_that_signs_assertions_is_no_secret_of_it(http, tools, tenant):
    """
    I: a registered client does not fall back to a secret, also not to one that was made since; at Chalk JSON it works.
    """
    register(http, tenant, a_key())
    made = a_named_key(tools, tenant)
    successor = rotated(tools, tenant, made, grace_seconds=600)

    for key in (made, successor):
        with pytest.raises(InvalidClientError):
            exchange_api_key(Exchange(Credential(tenant.id, key.api_key)), tools)
        assert works(tools, key)
