"""The requests that are measured, as honest clients send them, and what their answers must be."""

import itertools
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial

from bench.requests.client.answers import Answer, AnswerError
from bench.requests.client.driving import Request
from bench.requests.client.messages import Client, Freshness, as_form, as_json, content, printed


class JsonIssue:
    """An API key for a pair, in Chalk's JSON; one client after the other asks."""

    def __init__(self, clients: Sequence[Client], freshness: Freshness) -> None:
        self._clients = itertools.cycle(clients)
        self._freshness = freshness

    def next(self, host: str) -> Request:
        """Give the next request."""
        return Request(as_json("/api/v1/auth/token", host, {"api_key": next(self._clients).secret}), self._look)

    def _look(self, answer: Answer) -> None:
        self._freshness.note(content(answer, "access_token")["access_token"])


class OAuthIssue:
    """The `client_credentials` grant with HTTP Basic; nothing else is asked for, unless a server needs it."""

    def __init__(
        self, clients: Sequence[Client], freshness: Freshness, path: str = "/oauth/token", **fields: str
    ) -> None:
        self._clients = itertools.cycle(clients)
        self._freshness = freshness
        self._path = path
        self._fields = {"grant_type": "client_credentials", **fields}

    def next(self, host: str) -> Request:
        """Give the next request."""
        basic = {"Authorization": next(self._clients).basic}
        return Request(as_form(self._path, host, self._fields, basic), self._look)

    def _look(self, answer: Answer) -> None:
        self._freshness.note(content(answer, "access_token")["access_token"])


class Sessions:
    """Refresh tokens that live, each with its client; the one that rested longest is presented next."""

    def __init__(self, tokens: Iterable[tuple[str, Client]], freshness: Freshness) -> None:
        self._resting = deque(tokens)
        self._freshness = freshness

    def present(self) -> tuple[str, Client]:
        """Give the next token, and whose it is."""
        return self._resting.popleft()

    def succeed(self, spent: str, client: Client, answer: Answer) -> None:
        """Take the successor of a token that was presented."""
        pair = content(answer, "access_token", "refresh_token")
        if pair["refresh_token"] == spent:
            raise AnswerError("a refresh token was not rotated")
        self._freshness.note(pair["access_token"])
        self._resting.append((pair["refresh_token"], client))


class JsonRefresh:
    """A rotation in Chalk's JSON, each with an Idempotency-Key of its own."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def next(self, host: str) -> Request:
        """Give the next request."""
        token, client = self._sessions.present()
        asked = as_json("/api/v1/auth/refresh", host, {"refresh_token": token}, **_fresh_key())
        return Request(asked, partial(self._sessions.succeed, token, client))


class OAuthRefresh:
    """The `refresh_token` grant; clients of ours send an Idempotency-Key, other servers do not know it."""

    def __init__(self, sessions: Sessions, path: str = "/oauth/token", *, with_key: bool = True) -> None:
        self._sessions = sessions
        self._path = path
        self._with_key = with_key

    def next(self, host: str) -> Request:
        """Give the next request."""
        token, client = self._sessions.present()
        headers = {"Authorization": client.basic, **(_fresh_key() if self._with_key else {})}
        fields = {"grant_type": "refresh_token", "refresh_token": token}
        asked = as_form(self._path, host, fields, headers)
        return Request(asked, partial(self._sessions.succeed, token, client))


class RoomRead:
    """A room of a tenant, read with an access token."""

    def __init__(self, rooms: Sequence[tuple[str, str]]) -> None:
        self._rooms = itertools.cycle(rooms)

    def next(self, host: str) -> Request:
        """Give the next request."""
        room, access = next(self._rooms)
        asked = printed("GET", f"/api/v1/rooms/{room}", host, {"Authorization": f"Bearer {access}"})
        return Request(asked, partial(_look_for_room, room))


class Introspect:
    """The introspection of an access token that lives, by the tenant whose it is."""

    def __init__(self, tokens: Sequence[tuple[str, Client]]) -> None:
        self._tokens = itertools.cycle(tokens)

    def next(self, host: str) -> Request:
        """Give the next request."""
        access, client = next(self._tokens)
        return Request(
            as_form("/oauth/introspect", host, {"token": access}, {"Authorization": client.basic}), _look_alive
        )


class Jwks:
    """The published keys."""

    def next(self, host: str) -> Request:
        """Give the next request."""
        return Request(printed("GET", "/.well-known/jwks.json", host, {}), _look_for_keys)


def _fresh_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def _look_for_room(room: str, answer: Answer) -> None:
    if content(answer, "id")["id"] != room:
        raise AnswerError("the answer is not the room")


def _look_alive(answer: Answer) -> None:
    if content(answer, "active")["active"] is not True:
        raise AnswerError("a token that lives is told to be dead")


def _look_for_keys(answer: Answer) -> None:
    if not content(answer, "keys")["keys"]:
        raise AnswerError("no key is published")
