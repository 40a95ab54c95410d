"""What the client of the benches takes for an answer, and for a right one."""

import json

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from bench.requests.client.answers import Answer, AnswerError, parsed
from bench.requests.client.driving import Driven, Work, drive
from bench.requests.client.driving import lines as held
from bench.requests.client.lines import plainly
from bench.requests.client.messages import Client, Freshness, content
from bench.requests.client.operations import Introspect, JsonIssue, Jwks, OAuthRefresh, RoomRead, Sessions
from tests.deploy.upstreams import ok, upstream

KEY = RSAKey.generate_key(2048, auto_kid=True)
CLIENT = Client("acme", "a secret")
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\nbody"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
)


def token(jti: str, key: RSAKey = KEY) -> str:
    """Sign a token."""
    return jwt.encode({"alg": "RS256", "kid": KEY.kid or ""}, {"jti": jti}, key, algorithms=["RS256"])


def pair(jti: str, refresh_token: str) -> bytes:
    """Give the body of a pair."""
    return json.dumps({"access_token": token(jti), "refresh_token": refresh_token}).encode()


def driven_at(port: int, work: Work, *, lines: int) -> Driven:
    """Ask a server for a moment."""
    with held(plainly(port), lines) as connections:
        return drive(connections, "127.0.0.1", work, 0.05)


def published() -> dict[str, object]:
    """Give the JWKS."""
    return dict(KeySet([KEY]).as_dict(private=False))


def test_an_answer_is_read_once_it_is_whole():
    """
    Latencies are of whole answers: every part of one is waited for, with a length or in chunks.
    """
    for whole in (PLAIN, CHUNKED):
        assert all(parsed(whole[:length]) is None for length in range(len(whole)))

    assert parsed(PLAIN) == Answer(200, b"body", closes=False)
    assert parsed(CHUNKED) == Answer(201, b"body", closes=True)


def test_a_refusal_is_no_measurement():
    """
    An answer that is not 200 ends the run, so that nobody measures how fast a server refuses.
    """
    with pytest.raises(AnswerError, match="429"):
        content(Answer(429, b"{}", closes=False))


def test_a_token_that_comes_twice_ends_the_run():
    """
    A server that gives the same token again has not signed one.
    """
    freshness = Freshness()
    freshness.note(token("one"))
    freshness.note(token("two"))

    with pytest.raises(AnswerError, match="before"):
        freshness.note(token("one"))


def test_signatures_are_verified():
    """
    A token that no published key signed ends the run.
    """
    honest, forger = Freshness(), Freshness()
    honest.note(token("one"))
    forger.note(token("one", RSAKey.generate_key(2048)))

    assert honest.verify(published()) == 1
    with pytest.raises(AnswerError, match="verify"):
        forger.verify(published())


@pytest.mark.parametrize(
    ("work", "wrong"),
    [
        (JsonIssue([CLIENT], Freshness()), b'{"error": 1}'),
        (OAuthRefresh(Sessions([("spent", CLIENT)], Freshness())), pair("one", "spent")),
        (RoomRead([("room_1", "token")]), b'{"data": {"id": "room_2"}}'),
        (Introspect([("token", CLIENT)]), b'{"active": false}'),
        (Jwks(), b'{"keys": []}'),
    ],
)
def test_every_kind_of_answer_is_looked_at(work, wrong):
    """
    An answer of status 200 that does not hold what was asked for ends the run, whatever was asked.
    """
    with upstream(lambda _: ok(wrong)) as server, pytest.raises(AnswerError):
        driven_at(server.port, work, lines=1)

    assert len(server.arrived) == 1


def test_refresh_tokens_are_presented_once_with_a_key_of_their_own():
    """
    Rotations are measured as honest clients ask for them: the newest token, and a fresh Idempotency-Key each time.
    """
    numbers = iter(range(10_000))
    work = OAuthRefresh(Sessions([("first", CLIENT), ("second", CLIENT)], Freshness()))
    with upstream(lambda _: ok(pair(str(number := next(numbers)), f"token-{number}"))) as server:
        driven = driven_at(server.port, work, lines=2)

    assert driven.requests == len(server.arrived) == len(driven.latencies) > 2
    assert len({each.body for each in server.arrived}) == len(server.arrived)
    assert len({each.all("idempotency-key")[0] for each in server.arrived}) == len(server.arrived)


def test_so_many_are_asked_as_were_wanted():
    """
    What is counted by requests, such as memory, is asked for exactly so often.
    """
    with upstream(lambda _: ok(b'{"keys": [1]}')) as server, held(plainly(server.port), 2) as connections:
        driven = drive(connections, "127.0.0.1", Jwks(), 30, most=7)

    assert driven.requests == len(server.arrived) == 7


def test_a_connection_that_the_server_closes_is_made_anew():
    """
    A server that closes after each answer is charged for it, and measured all the same.
    """
    with upstream(lambda _: ok(b'{"keys": [1]}', "Connection: close")) as server:
        driven = driven_at(server.port, Jwks(), lines=1)

    assert len({each.connection for each in server.arrived}) == driven.requests > 1
