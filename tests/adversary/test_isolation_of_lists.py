"""Where a list goes on, and what it is narrowed to, says nothing about anybody else."""

import base64

import pytest

from tests.adversary.endpoints import endpoints, seen
from tests.adversary.tenancies import a_tenancy, by, missing_ids
from tests.builders import an_operator

ONE = {"limit": 1}


def lists(app):
    """The lists that there are, by method and path."""
    found = {str(each): each for each in endpoints(app) if each.operation.paged and each.method == "GET"}
    assert len(found) >= 5
    return found


def caller_of(endpoint, tenancy, tools):
    return by(an_operator(tools) if endpoint.path == "/api/v1/tenants" else tenancy.tenant.api_key)


def next_cursors(app, http, tools, tenancy, place=None):
    """Where each list of a tenant goes on after its first entry; each has a second."""
    cursors = {}
    for name, endpoint in lists(app).items():
        page = endpoint.ask(http, tenancy.ids(place), caller_of(endpoint, tenancy, tools), **ONE)
        cursors[name] = page.json["pagination"]["next_cursor"]
        assert cursors[name] is not None, name
    return cursors


@pytest.fixture
def two_of_each(http, tools):
    """Make a tenancy with two entries in each of its lists."""

    def make():
        made = a_tenancy(http, tools)
        for place in (made.first, made.second):
            path = f"/api/v1/rooms/{place.room_id}/participants"
            answer = http.post(path, json={"display_name": "Gerd"}, headers=by(made.tenant.api_key))
            assert answer.status_code == 201
        keys = f"/api/v1/tenants/{made.tenant.id}/api-keys"
        assert http.post(keys, json={"name": "Second"}, headers=by(made.tenant.api_key)).status_code == 201
        return made

    return make


def a_made_up_cursor():
    return base64.urlsafe_b64encode(bytes(32)).decode()


def test_a_cursor_goes_on_with_its_own_list(app, http, tools, two_of_each):
    """
    B8: the cursors that are refused elsewhere are good where they were given.
    """
    own, _ = two_of_each(), two_of_each()

    for name, cursor in next_cursors(app, http, tools, own).items():
        endpoint = lists(app)[name]
        page = endpoint.ask(http, own.ids(), caller_of(endpoint, own, tools), cursor=cursor, **ONE)
        assert (page.status_code, len(page.json["data"])) == (200, 1), name


def test_a_cursor_of_somebody_else_is_like_one_that_is_made_up(app, http, tools, two_of_each):
    """
    B8: at every list, the cursor of any list of another tenant is answered, byte for byte, like one that nobody gave;
    so is that of another list, or of another room, of one's own.
    """
    victim, other = two_of_each(), two_of_each()
    of_victim, own = next_cursors(app, http, tools, victim), next_cursors(app, http, tools, other)
    of_room = next_cursors(app, http, tools, other, other.second)

    for name, endpoint in lists(app).items():
        headers = caller_of(endpoint, other, tools)
        nothing = endpoint.ask(http, other.ids(), headers, cursor=a_made_up_cursor())
        foreign = {f"the victim's {each}": cursor for each, cursor in of_victim.items()}
        foreign |= {f"their own {each}": cursor for each, cursor in own.items() if each != name}
        if "room_id" in endpoint.arguments:
            foreign["that of another room"] = of_room[name]
        if endpoint.path == "/api/v1/tenants":
            # Of operators, who share it.
            del foreign[f"the victim's {name}"]

        assert (nothing.status_code, nothing.json["error"]["details"][0]["field"]) == (400, "cursor")
        for whose, cursor in foreign.items():
            answer = endpoint.ask(http, other.ids(), headers, cursor=cursor)
            assert seen(answer) == seen(nothing), f"{endpoint} by {whose}"


def test_a_filter_by_a_foreign_id_finds_nothing_and_tells_nothing(app, http, tools, two_of_each):
    """
    B8: a list that is narrowed to what is somebody else's is as empty as one that is narrowed to nothing, and with the
    owner's key it is not.
    """
    victim, other = two_of_each(), two_of_each()
    tried = set()

    for endpoint in lists(app).values():
        for name in endpoint.operation.filters.keys() & missing_ids().keys():
            theirs, nothing = victim.ids()[name], missing_ids()[name]
            answers = [
                endpoint.ask(http, other.ids(), by(other.tenant.api_key), **{name: each}) for each in (theirs, nothing)
            ]
            owners = endpoint.ask(http, victim.ids(), by(victim.tenant.api_key), **{name: theirs})
            tried.add(name)

            assert seen(answers[0]) == seen(answers[1])
            assert answers[0].json == {"data": [], "pagination": {"next_cursor": None, "has_more": False}}
            assert owners.json["data"] != []

    assert tried >= {"room_id", "participant_id", "key_id"}


def test_no_cursor_spares_asking_whose_list_it_is(app, http, tools, two_of_each):
    """
    B8: with the right cursor of it, a list of the victim's is still answered like one of nobody.
    """
    victim, other = two_of_each(), two_of_each()
    cursors = next_cursors(app, http, tools, victim)

    for name, endpoint in lists(app).items():
        if endpoint.arguments:
            theirs, nothing = (
                endpoint.ask(http, ids, by(other.tenant.api_key), cursor=cursors[name])
                for ids in (victim.ids(), missing_ids())
            )
            assert seen(theirs) == seen(nothing)
            assert theirs.status_code == 404
