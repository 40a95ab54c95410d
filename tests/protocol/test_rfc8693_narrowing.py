"""RFC 8693: what comes out may do less than what went in, for as short a time at most, and never more."""

import pytest

from tests.assertions import a_key, an_assertion, form, register
from tests.builders import a_key_holding, a_pair, a_room
from tests.exchanging import TOKEN, Desk, asked, assert_is_refused, exchange, granted
from tests.forgery import claims_of

HOST, PARTICIPANT = "rooms:read participants:read participants:write", "rooms:read participants:read"
ROOMS, BILLING = "https://api.example/rooms", "https://billing.example"


@pytest.fixture(scope="module")
def application(make_app):
    """The application with two audiences; the first is that of our own API."""
    return make_app(AUDIENCES=f"{ROOMS},{BILLING}")


@pytest.fixture
def desk(http, tools, tenant):
    """The tenant's client, and a room of it."""
    return Desk(http, tools, tenant, a_room(tools, tenant))


@pytest.mark.parametrize(
    ("held", "role", "scope", "got"),
    [
        (HOST, "host", None, HOST),
        (HOST, "participant", None, PARTICIPANT),
        (HOST, "viewer", None, "rooms:read"),
        (HOST, "host", "participants:read  rooms:read rooms:read", PARTICIPANT),
        (HOST, "host", "participants:write", "participants:write"),
        ("participants:write rooms:read sessions:write", "host", None, "rooms:read participants:write"),
        ("participants:write", "host", None, "participants:write"),
        ("participants:write", "participant", None, None),
        ("participants:write rooms:read", "host", "participants:read", None),
        ("participants:write rooms:read", "participant", "participants:write", None),
        (f"{HOST} rooms:write", "host", "rooms:write", None),
        (HOST, "host", "rooms:read all", None),
        (HOST, "host", " ", None),
    ],
)
def test_the_scope_is_what_role_and_subject_and_request_share(desk, held, role, scope, got):
    """
    L, A14: never more than the role may, the subject holds or was asked for; what cannot be given whole is
    invalid_scope.
    """
    for subject in (desk.subject(scope=held), a_key_holding(held, desk.tenant, desk.tools).api_key):
        answer = desk.exchange(subject, role=role, scope=scope)

        if got is None:
            assert_is_refused(answer, "invalid_scope")
        else:
            assert answer.json["scope"] == granted(answer)["scope"] == got


def test_the_rights_are_the_subjects_and_not_the_clients(desk):
    """
    L: a client whose own key holds more adds nothing to a narrow subject; one whose key holds less takes nothing away.
    """
    poor = a_key_holding("rooms:read", desk.tenant, desk.tools)
    narrow = desk.subject(scope="participants:write rooms:read")

    by_rich, by_poor = (exchange(desk.http, client, narrow, desk.room_id) for client in (desk.tenant, poor))

    assert granted(by_rich)["scope"] == granted(by_poor)["scope"] == "rooms:read participants:write"


@pytest.mark.parametrize("aud", [ROOMS, BILLING])
@pytest.mark.parametrize("names", [[], ["resource"], ["audience"], ["audience", "resource"]])
def test_an_access_token_gives_its_own_audience(desk, aud, names):
    """
    L, D4, A3: and no other: `resource` and `audience` ask alike, and may repeat, and another one is invalid_target.
    """
    subject, other = desk.subject(resource=aud), {ROOMS: BILLING, BILLING: ROOMS}[aud]

    answer = desk.exchange(subject, **{name: [aud, aud] for name in names})
    refused = [
        desk.exchange(subject, **{name: value})
        for name in names
        for value in (other, [aud, other], "https://other.example", aud + "/")
    ]

    assert granted(answer)["aud"] == aud
    for each in refused:
        assert_is_refused(each, "invalid_target")


def test_a_key_gives_each_configured_audience(desk):
    """
    L, D4: one at a time, whichever is asked for by either name; the first one where none is, and no other.
    """
    asks = [{}, *({name: aud} for name in ("resource", "audience") for aud in (ROOMS, BILLING))]

    got = [granted(desk.exchange(desk.tenant.api_key, **each))["aud"] for each in asks]

    assert got == [ROOMS, ROOMS, BILLING, ROOMS, BILLING]
    for each in ({"audience": "https://other.example"}, {"audience": ROOMS, "resource": BILLING}):
        assert_is_refused(desk.exchange(desk.tenant.api_key, **each), "invalid_target")


def test_a_subject_that_is_bound_to_a_room_stays_in_it(desk):
    """
    L: a token of the tenant that works in one room is exchanged for that room only.
    """
    bound = a_pair(desk.tools, desk.tenant, desk.room_id).access_token

    assert granted(desk.exchange(bound))["room_id"] == desk.room_id
    assert_is_refused(exchange(desk.http, desk.tenant, bound, a_room(desk.tools, desk.tenant)), "invalid_request")


@pytest.mark.parametrize("left", [3600, 3599, 10, 1])
def test_the_token_lives_no_longer_than_its_subject(desk, clock, left):
    """
    L, D6: a subject with ten seconds left gives ten at most, and says so; both are over in the same second.
    """
    subject = desk.subject()
    end = claims_of(subject)["exp"]
    clock.step(seconds=end - clock.now().timestamp() - left)

    answer = desk.exchange(subject)

    claims, token = granted(answer), answer.json["access_token"]
    assert (claims["exp"], claims["iat"], answer.json["expires_in"]) == (end, end - left, left)
    clock.step(seconds=left - 0.001)
    assert desk.reads(token) == 200
    clock.step(seconds=0.001)
    assert desk.reads(token) == 401
    assert not desk.is_active(token)


@pytest.mark.parametrize("past", [0, 1, 59, 86_400])
def test_a_subject_that_is_over_is_refused(desk, clock, past):
    """
    L: from the second of its `exp` on, without leeway.
    """
    subject = desk.subject()
    clock.step(seconds=claims_of(subject)["exp"] - clock.now().timestamp() + past)

    assert_is_refused(desk.exchange(subject), "invalid_request")


@pytest.mark.parametrize("scope", ["offline_access", "offline_access rooms:read", f"{HOST} offline_access"])
def test_an_access_token_gives_no_refresh_token(desk, scope):
    """
    L: one would outlive it: to ask for `offline_access` is invalid_scope, though the subject has it.
    """
    subject = desk.subject(scope="participants:write participants:read rooms:read offline_access")

    assert "refresh_token" not in desk.exchange(subject).json
    assert_is_refused(desk.exchange(subject, scope=scope), "invalid_scope")


@pytest.mark.parametrize(
    ("scope", "got"), [("offline_access", HOST), ("offline_access rooms:read", "rooms:read"), (HOST, None)]
)
def test_a_key_gives_a_refresh_token_to_who_asks(desk, scope, got):
    """
    L, C1, C5: only with `offline_access`; what it refreshes to is the same participant's, in the same room.
    """
    first = desk.exchange(desk.tenant.api_key, scope=scope)
    claims = granted(first)
    if got is None:
        assert "refresh_token" not in first.json
        return

    form = {"grant_type": "refresh_token", "refresh_token": first.json["refresh_token"]}
    second = desk.http.post(TOKEN, data=form, auth=desk.auth)

    assert first.json["scope"] == second.json["scope"] == got
    changed = {"jti", "iat", "exp"}
    assert {name: value for name, value in granted(second).items() if name not in changed} == {
        name: value for name, value in claims.items() if name not in changed
    }
    assert second.json["refresh_token"] != first.json["refresh_token"]
    assert "issued_token_type" not in second.json


@pytest.mark.parametrize("scope", ["offline_access", "offline_access rooms:read"])
def test_a_key_without_offline_access_gives_no_refresh_token(desk, scope):
    """
    L, A14: nobody hands on what they do not hold, as with client_credentials.
    """
    poor = a_key_holding(HOST, desk.tenant, desk.tools)

    assert_is_refused(desk.exchange(poor.api_key, scope=scope), "invalid_scope")
    assert desk.exchange(poor.api_key).json["scope"] == HOST


def test_a_token_of_an_assertion_is_narrowed_alike(desk, clock):
    """
    I, L: what a client got by its own key has no `key_id`, and neither has what comes out of it.
    """
    key = a_key()
    register(desk.http, desk.tenant, key)

    def ask(**fields):
        return desk.http.post(TOKEN, data={**form(an_assertion(key, desk.tenant.id, clock.now())), **fields})

    subject = ask(scope="participants:write rooms:read", resource=BILLING).json["access_token"]
    clock.step(seconds=3000)
    answer = ask(**asked(subject, desk.room_id))

    claims = granted(answer)
    assert (claims["scope"], claims["aud"], claims["room_id"]) == (
        "rooms:read participants:write",
        BILLING,
        desk.room_id,
    )
    assert claims["exp"] == claims_of(subject)["exp"]
    assert "key_id" not in claims
