"""What is somebody else's looks to everyone like what does not exist, at every endpoint and with every credential."""

import functools
import itertools
from dataclasses import dataclass

import pytest
from flask import Flask, Response

from app.domain.api_keys.format import compose
from app.entrypoints.operations import Operation, describes
from app.flows.issue_resource_server_key import issue_resource_server_key
from tests.adversary.endpoints import endpoints, seen
from tests.adversary.tenancies import PREFIXES, Ids, Tenancy, a_tenancy, bearer, by, missing_ids, rows_of
from tests.builders import an_operator


@dataclass(frozen=True)
class Intruder:
    """Somebody's headers, the ids of what is theirs, and the statuses they get where a key, or also a token, opens."""

    headers: dict[str, str]
    ids: Ids
    at_key: set[int]
    at_key_or_token: set[int]


def another_tenant(which):
    def intrude(_victim: Tenancy, other: Tenancy, _tools) -> Intruder:
        headers = {
            "key": by(other.tenant.api_key),
            "token": bearer(other.token),
            "room": bearer(other.first.room_token),
            "host": bearer(other.first.host_token),
        }[which]
        return Intruder(headers, other.ids(), {404} if which == "key" else {401}, TOKENS[which])

    return intrude


def another_room(which):
    def intrude(victim: Tenancy, _other: Tenancy, _tools) -> Intruder:
        token = victim.second.room_token if which == "room" else victim.second.host_token
        return Intruder(bearer(token), victim.ids(victim.second), {401}, TOKENS[which])

    return intrude


def stranger(headers_of, at_key, at_key_or_token):
    return lambda _victim, other, tools: Intruder(headers_of(tools), other.ids(), at_key, at_key_or_token)


def a_key_of_nobody(_tools):
    return by(compose("sk", "live", "7Hq2Zt9B", "0" * 32))


READING = {"GET", "HEAD"}
# A host may not change rooms, whatever room; all else is not there.
TOKENS = {"key": {404}, "token": {404}, "room": {404}, "host": {403, 404}}
INTRUDERS = {
    "another tenant's key": another_tenant("key"),
    "another tenant's token": another_tenant("token"),
    "another tenant's token for one room": another_tenant("room"),
    "another tenant's host": another_tenant("host"),
    "the tenant's token for another room": another_room("room"),
    "the host of another room": another_room("host"),
    "an operator": stranger(lambda tools: by(an_operator(tools)), {403, 404}, {403}),
    "a resource server": stranger(
        lambda tools: by(issue_resource_server_key(tools.http.audiences[0], tools).text), {403, 404}, {403}
    ),
    "a key of nobody": stranger(a_key_of_nobody, {401}, {401}),
    "a malformed key": stranger(lambda _tools: by("sk_live_nothing"), {401}, {401}),
    "a malformed token": stranger(lambda _tools: bearer("e30.e30.e30"), {401}, {401}),
    "nobody": stranger(lambda _tools: {}, {401}, {401}),
}


def by_id(app):
    """The endpoints that name something."""
    found = [endpoint for endpoint in endpoints(app) if endpoint.arguments]
    assert {name for endpoint in found for name in endpoint.arguments} >= {*PREFIXES}
    return found


def somebodys(arguments):
    """Every choice of parameters that name what is somebody else's, beside others that name what is one's own."""
    names = sorted(arguments)
    return [chosen for size in range(1, len(names) + 1) for chosen in itertools.combinations(names, size)]


def has_business(kind, chosen):
    return kind == "an operator" and "tenant_id" in chosen


@pytest.mark.parametrize("kind", INTRUDERS)
def test_what_is_somebody_elses_is_answered_like_what_is_missing(app, http, tools, kind):
    """
    B8: with any credential but the right one, at any endpoint, an id of somebody else's and an id of nothing are
    answered alike, byte for byte, and nothing of theirs is changed.
    """
    victim, other = a_tenancy(http, tools), a_tenancy(http, tools)
    intruder = INTRUDERS[kind](victim, other, tools)
    before = rows_of(victim, tools)
    assert all(before[table] for table in ("tenants", "rooms", "participants", "families", "api_keys"))

    differing: list[str] = []
    statuses: dict[bool, set[int]] = {True: set(), False: set()}
    for endpoint in by_id(app):
        for chosen in somebodys(endpoint.arguments):
            if has_business(kind, chosen):
                continue
            theirs, nothing = ({name: ids[name] for name in chosen} for ids in (victim.ids(), missing_ids()))
            answer = endpoint.ask(http, intruder.ids | theirs, intruder.headers)
            if seen(answer) != seen(endpoint.ask(http, intruder.ids | nothing, intruder.headers)):
                differing.append(f"{endpoint}, {chosen}: {answer.status_code} {answer.text}")
            statuses[endpoint.takes_tokens].add(answer.status_code)

    assert differing == []
    assert statuses[True] == intruder.at_key_or_token
    assert statuses[False] == intruder.at_key
    assert rows_of(victim, tools) == before


@pytest.mark.parametrize("credential", ["key", "token"])
def test_the_owner_is_let_through_by_the_very_same_requests(app, http, tools, credential):
    """
    B8: the matrix refuses strangers, and not everybody: each of its requests succeeds with the owner's credential.
    """
    operator, reader = by(an_operator(tools)), a_tenancy(http, tools)
    for endpoint in endpoints(app):
        if credential == "token" and not endpoint.takes_tokens:
            continue
        # What is changed or deleted is somebody's of its own.
        owner = reader if endpoint.method in READING else a_tenancy(http, tools)
        headers = by(owner.tenant.api_key) if credential == "key" else bearer(owner.token)
        answer = endpoint.ask(http, owner.ids(), operator if endpoint.path == "/api/v1/tenants" else headers)

        assert answer.status_code in {200, 201}, f"{endpoint}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("kind", ["the tenant's token for another room", "the host of another room"])
def test_a_token_for_one_room_opens_that_one(app, http, tools, kind):
    """
    B8: whoever is kept out of another room is let into their own, and sees it as it is.
    """
    owner = a_tenancy(http, tools)
    intruder = INTRUDERS[kind](owner, owner, tools)

    reading = [each for each in by_id(app) if each.takes_tokens and each.method == "GET"]
    answers = {str(endpoint): endpoint.ask(http, intruder.ids, intruder.headers).status_code for endpoint in reading}

    assert len(answers) >= 3
    assert set(answers.values()) == {200}


@pytest.mark.parametrize("kind", ["an operator", "a resource server"])
def test_who_has_no_tenant_has_no_rooms_and_no_sessions(app, http, tools, kind):
    """
    B8: an operator's key and a resource server's open nothing that belongs to a tenant's own work: 403, with an id or
    without one.
    """
    victim = a_tenancy(http, tools)
    headers = INTRUDERS[kind](victim, victim, tools).headers

    for endpoint in endpoints(app):
        if not endpoint.path.startswith("/api/v1/tenants"):
            answer = endpoint.ask(http, victim.ids(), headers)
            assert answer.status_code == 403, f"{endpoint}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("kind", ["the owner", "another tenant's key"])
def test_an_id_in_the_place_of_another_names_nothing(app, http, tools, kind):
    """
    B8: an id of another kind, the right one under another prefix, and every respelling of it are ids of nothing.
    """
    victim, other = a_tenancy(http, tools), a_tenancy(http, tools)
    caller = victim if kind == "the owner" else other
    before = rows_of(victim, tools)

    for endpoint in [each for each in by_id(app) if each.method != "HEAD"]:
        for place in endpoint.arguments:
            headers = by(caller.tenant.api_key)
            nothing = seen(endpoint.ask(http, caller.ids() | {place: missing_ids()[place]}, headers))
            for spelling in misplaced(victim.ids(), place):
                answer = endpoint.ask(http, caller.ids() | {place: spelling}, headers)
                assert seen(answer) == nothing, f"{endpoint}: {spelling}"
            assert nothing[0] == 404, endpoint

    assert rows_of(victim, tools) == before


def misplaced(ids, place):
    right = ids[place]
    prefix, _, rest = right.rpartition("_")
    of_others = [each for name, each in ids.items() if name != place]
    reused = [f"{prefix}_{each.rpartition('_')[2]}" for each in of_others]
    return [*of_others, *reused, right.upper(), rest, f"{right}0", f"{right}%00", f"%20{right}", f"{prefix}_"]


def test_no_list_shows_what_is_somebody_elses(app, http, tools):
    """
    B8: a list holds what is its owner's, and no id of it for a stranger, whichever of their credentials they show.
    """
    victim, other = a_tenancy(http, tools), a_tenancy(http, tools)
    of_victim = {*victim.ids().values(), *victim.ids(victim.second).values()}
    listing = [each for each in endpoints(app) if each.operation.paged and each.path != "/api/v1/tenants"]
    assert len(listing) >= 4 * 2

    for endpoint in listing:
        own = endpoint.ask(http, victim.ids(), by(victim.tenant.api_key)).text
        assert endpoint.method == "HEAD" or any(each in own for each in of_victim), endpoint
        for kind in ("key", "token", "room", "host") if endpoint.takes_tokens else ("key",):
            intruder = another_tenant(kind)(victim, other, tools)
            answer = endpoint.ask(http, intruder.ids, intruder.headers)
            assert answer.status_code == 200
            assert not [each for each in of_victim if each in answer.text], f"{endpoint}, {kind}"


@pytest.mark.parametrize(
    ("rule", "operation", "complaint"),
    [
        ("/api/v1/things/<thing_id>", Operation(answers={}, security="key"), "has no id"),
        ("/api/v1/rooms/<room_id>/x", Operation(answers={}), "whom it does not know"),
        ("/api/v1/rooms/<room_id>/x", None, "says nothing"),
        ("/api/v1/x", Operation(answers={}, security="key", json=Operation), "wants a body"),  # type: ignore[arg-type]
    ],
)
def test_a_route_that_the_matrix_does_not_know_is_told_by_name(rule, operation, complaint):
    """
    B8: the matrix can fail: a new route that it has no id or body for, or that asks for nobody, is not passed over.
    """
    app = Flask("another", static_folder=None)
    view = functools.partial(Response)
    app.add_url_rule(rule, "a_new_one", view if operation is None else describes(operation)(view))

    with pytest.raises(AssertionError, match=complaint):
        list(endpoints(app))
