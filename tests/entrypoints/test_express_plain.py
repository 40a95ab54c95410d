"""What is not quite plain goes past the express door, to the framework, as if the door were not there."""

import io
import json
from typing import Any

import pytest
from flask import Response

from app.entrypoints import chalk, oauth
from app.entrypoints.serving.express import Express
from app.entrypoints.wiring import Lane, wiring_of
from app.factory import create_app
from tests.conftest import environment
from tests.two_doors import EXCHANGE, FORM, JSON, REFRESH, TOKEN, Ask, doors, environ, exchange, send

BODY = b'{"api_key": "x"}'
LONGEST = 1000
HANDED_ON: dict[str, dict[str, Any]] = {
    "another method": {"REQUEST_METHOD": "GET"},
    "a method of its own": {"REQUEST_METHOD": "post"},
    "a query": {"QUERY_STRING": "a=b"},
    "no type": {"CONTENT_TYPE": None},
    "another type": {"CONTENT_TYPE": "text/plain"},
    "the other lane's type": {"CONTENT_TYPE": FORM},
    "a parameter of the type": {"CONTENT_TYPE": f"{JSON}; charset=utf-8"},
    "capitals": {"CONTENT_TYPE": "Application/JSON"},
    "two types": {"CONTENT_TYPE": f"{JSON},{JSON}"},
    "chunks": {"HTTP_TRANSFER_ENCODING": "chunked"},
    "an empty coding": {"HTTP_TRANSFER_ENCODING": ""},
    "an expectation": {"HTTP_EXPECT": "100-continue"},
    "a coding": {"HTTP_CONTENT_ENCODING": "gzip"},
    "a browser": {"HTTP_ORIGIN": "null"},
    "a browser that says from where": {"HTTP_SEC_FETCH_SITE": "none"},
    "another protocol": {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"},
    "two hosts": {"HTTP_HOST": "auth.example,auth.example"},
    "no host": {"HTTP_HOST": None},
    "an empty host": {"HTTP_HOST": ""},
    "a host with an empty label": {"HTTP_HOST": "auth..example"},
    "a host with a long label": {"HTTP_HOST": "a" * 64},
    "a host that begins with a dot": {"HTTP_HOST": ".example"},
    "a host of other letters": {"HTTP_HOST": "\xe4.example"},
    "a host with a line behind it": {"HTTP_HOST": "auth.example\n"},
    "a prefix": {"SCRIPT_NAME": "/auth"},
    "no length": {"CONTENT_LENGTH": None},
    "an empty length": {"CONTENT_LENGTH": ""},
    "a negative length": {"CONTENT_LENGTH": "-1"},
    "a length with a sign": {"CONTENT_LENGTH": f"+{len(BODY)}"},
    "a length with a space": {"CONTENT_LENGTH": f" {len(BODY)}"},
    "a length in other digits": {"CONTENT_LENGTH": "\u0661\u0666"},
    "a length in small digits": {"CONTENT_LENGTH": "\xb9"},
    "two lengths": {"CONTENT_LENGTH": f"{len(BODY)},{len(BODY)}"},
    "no number": {"CONTENT_LENGTH": "0x10"},
    "too long": {"CONTENT_LENGTH": str(LONGEST + 1)},
    "much too long": {"CONTENT_LENGTH": "1" * 5000},
    "shorter than it says": {"CONTENT_LENGTH": str(len(BODY) + 1)},
    "no path": {"PATH_INFO": None},
    "an unknown path": {"PATH_INFO": "/api/v1/auth/tokens"},
    "a slash behind": {"PATH_INFO": f"{EXCHANGE}/"},
    "a slash more": {"PATH_INFO": f"/{EXCHANGE}"},
    "a slash more within": {"PATH_INFO": "/api/v1//auth/token"},
    "capitals in the path": {"PATH_INFO": EXCHANGE.upper()},
}


class Behind:
    """What lies behind the door: it keeps what it is given."""

    def __init__(self):
        self.environ, self.body = None, None

    def __call__(self, given, start_response):
        """Take a request, and its whole body."""
        self.environ, self.body = dict(given), given["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", "6")])
        return [b"behind"]


class Trickle:
    """A body of which some arrives, and the rest when it is asked for again; `lost` when nothing more comes."""

    def __init__(self, body, *, lost=False):
        self._body, self._lost = io.BytesIO(body), lost

    def read(self, size=-1):
        """Give some of it."""
        if self._lost and self._body.tell():
            raise OSError("the client is gone")
        return self._body.read(min(size, 7) if size >= 0 else size)

    def readinto(self, buffer):
        """Give some of it in a buffer."""
        some = self.read(len(buffer))
        buffer[: len(some)] = some
        return len(some)


def must_not_answer(*_given):
    """Answer nothing."""
    pytest.fail("it was answered at the express door")


@pytest.fixture
def behind():
    """What lies behind the door."""
    return Behind()


@pytest.fixture(scope="module")
def without_database(tmp_path_factory):
    """Make applications whose database is empty: what reaches it fails."""
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'empty.db'}"
    return lambda **settings: create_app(environment(url, **settings), warm=False)


@pytest.fixture(scope="module")
def wiring(without_database):
    """What the door is given."""
    return wiring_of(without_database())


@pytest.fixture(scope="module")
def both(without_database):
    """Such applications with the door, and without."""
    return doors(without_database)


def door(wiring, behind, lanes):
    return Express(behind, wiring, lanes, LONGEST, must_not_answer)


@pytest.mark.parametrize("name", HANDED_ON)
def test_what_is_not_plain_is_handed_on_whole(wiring, behind, name):
    """
    With its body and everything else that came; nothing was done for it, and nothing counted.
    """
    express = door(wiring, behind, [Lane(EXCHANGE, JSON, must_not_answer, must_not_answer)])
    ask = Ask(EXCHANGE, JSON, BODY, HANDED_ON[name])
    express.before.append(must_not_answer)

    answer = send(express, ask)

    assert (answer.body, behind.body) == (b"behind", BODY)
    given = {name: value for name, value in environ(ask).items() if not name.startswith("wsgi.")}
    assert {name: value for name, value in behind.environ.items() if not name.startswith("wsgi.")} == given


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "auth_1.example-x.org", "a" * 63 + ".b"])
def test_what_is_plain_is_answered_at_the_door(wiring, behind, host):
    """
    Any of these hosts is; the longest body, too.
    """
    seen: list[bytes] = []

    def answer_here(body, _visit):
        seen.append(body)
        return Response(b"here")

    lane = Lane(EXCHANGE, JSON, answer_here, must_not_answer)
    ask = Ask(EXCHANGE, JSON, b"x" * LONGEST, {"HTTP_HOST": host})

    answer = send(door(wiring, behind, [lane]), ask)

    assert (answer.body, seen, behind.body) == (b"here", [ask.body], None)


@pytest.mark.parametrize("more", [{}, {"HTTP_IDEMPOTENCY_KEY": "a-key-of-a-request"}, {"HTTP_IDEMPOTENCY_KEY": ""}])
def test_an_exchange_that_is_remembered_or_for_someone_is_handed_on(wiring, behind, more):
    """
    CONTRACT 4: what the lane itself cannot do; the framework does it, once, and counts it once.
    """
    for_someone = {} if more else {"participant": {"id": "x"}}
    ask = exchange("x", more, room_id="x", **for_someone)
    before = wiring.tools.metrics.exposition([])

    answer = send(door(wiring, behind, [*chalk.LANES, *oauth.LANES]), ask)

    assert (answer.body, behind.body) == (b"behind", ask.body)
    assert wiring.tools.metrics.exposition([]) == before


def test_a_body_that_arrives_in_pieces_is_read_whole(wiring, behind):
    """
    PEP 3333: a server may give less than was asked for; what was read is neither lost nor read twice.
    """
    seen: list[bytes] = []

    def hand_on(body, _visit):
        seen.append(body)

    for answered in (True, False):
        lane = Lane(EXCHANGE, JSON, hand_on, must_not_answer)
        ask = Ask(EXCHANGE, JSON, BODY, {"wsgi.input": Trickle(BODY if answered else BODY[:-1])})
        send(door(wiring, behind, [lane]), ask)
        assert behind.body == (BODY if answered else BODY[:-1])

    assert seen == [BODY]


@pytest.mark.parametrize("path", [EXCHANGE, REFRESH, TOKEN])
@pytest.mark.parametrize("terminated", [True, None])
def test_a_client_that_goes_away_is_answered_as_by_the_framework(both, path, terminated):
    """
    A body of which the end never comes is a bad request at either door, logged and counted like every other.
    """
    kind = FORM if path == TOKEN else JSON
    express, framework = (
        each.send(Ask(path, kind, BODY, {"wsgi.input": Trickle(BODY, lost=True), "wsgi.input_terminated": terminated}))
        for each in both
    )

    assert express == framework
    assert express.status == "400 BAD REQUEST"


def test_a_door_that_is_switched_off_leaves_everything_to_the_framework(make_app, tenant, clock):
    """
    CHALK_EXPRESS: `off` is the framework alone; `on` leaves to it what is not plain, and no more.
    """
    plain, other = exchange(tenant.api_key), exchange(tenant.api_key, {"QUERY_STRING": "a"})
    reached = []
    for each in doors(make_app):
        assert [each.send(ask).status for ask in (plain, other)] == ["200 OK", "200 OK"]
        assert json.loads(each.app.test_client().post(EXCHANGE, data=plain.body, content_type=JSON).data)["data"]
        reached.append(len(each.reached))

    assert reached == [1, 3]
