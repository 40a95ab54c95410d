"""Things that happen at once: lines to the server, what is sent over them in one moment, and the rows afterwards."""

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Row, select

from app.domain import refresh_tokens
from app.domain.refresh_tokens.tables import FamilyRow
from app.flows.tools import Tools
from tests.builders import Tenant, a_pair
from tests.servers import Server, serve

PATIENCE_SECONDS = 30

Result = TypeVar("Result")
Headers = dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is None when it is empty, and names of headers are in small letters."""

    status: int
    body: Any
    headers: Headers

    @property
    def refresh_token(self) -> str:
        """Give the refresh token of a success, in either dialect."""
        token: str = self.body.get("data", self.body)["refresh_token"]
        return token

    @property
    def code(self) -> str:
        """Give the code of a refusal in Chalk JSON."""
        code: str = self.body["error"]["code"]
        return code


class Line(Protocol):
    """A line to the server, for one thread at a time."""

    def send(self, path: str, body: Any = None, *, form: Any = None, headers: Headers | None = None) -> Answer:
        """POST a body as JSON, or a form; GET when there is neither."""
        ...


class WireLine:
    """
    One connection to a real server, kept open from one request to the next.

    When it was closed meanwhile, so that a request cannot be sent at all, a new one is opened, as a client's pool does.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def send(self, path: str, body: Any = None, *, form: Any = None, headers: Headers | None = None) -> Answer:
        """POST a body as JSON, or a form; GET when there is neither."""
        content = urlencode(form) if form else None if body is None else json.dumps(body)
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        given = {} if content is None else {"Content-Type": kind}
        request = ("GET" if content is None else "POST", path, content, given | (headers or {}))
        try:
            self._connection.request(*request)
        except (BrokenPipeError, ConnectionResetError):
            self._connection.close()
            self._connection.request(*request)
        answer = self._connection.getresponse()
        text = answer.read()
        return Answer(answer.status, json.loads(text) if text else None, _small(answer.headers.items()))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _small(headers: Iterable[tuple[str, str]]) -> Headers:
    return {name.lower(): value for name, value in headers}


class LocalLine:
    """The same into an application in this process."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def send(self, path: str, body: Any = None, *, form: Any = None, headers: Headers | None = None) -> Answer:
        """POST a body as JSON, or a form; GET when there is neither."""
        if body is None and form is None:
            answer = self._client.get(path, headers=headers)
        else:
            answer = self._client.post(path, json=body, data=form, headers=headers)
        return Answer(answer.status_code, answer.json if answer.data else None, _small(answer.headers.items()))


@contextlib.contextmanager
def lines_to(target: Flask | Server, count: int) -> Iterator[list[Line]]:
    """Open lines to a server, or into an application in this process, and hang up at the end."""
    if isinstance(target, Flask):
        yield [LocalLine(target.test_client()) for _ in range(count)]
        return

    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(WireLine(target.port))) for _ in range(count)]


@contextlib.contextmanager
def racers(
    way: str, count: int, database_url: str, make_app: Callable[..., Flask], **settings: str
) -> Iterator[list[Line]]:
    """Open lines for threads of this process (`threads`), or to a server of four workers (`processes`)."""
    if way == "threads":
        with lines_to(make_app(**settings), count) as lines:
            yield lines
        return
    with serve(database_url, port=None, workers=4, **settings) as server, lines_to(server, count) as lines:
        yield lines


def at_once(actions: Sequence[Callable[[], Result]]) -> list[Result]:
    """Do these in the same moment, each in a thread of its own; give what they gave, in their order."""
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], Result]) -> Result:
        gate.wait(PATIENCE_SECONDS)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(run, action) for action in actions]]


def a_token(tools: Tools, tenant: Tenant, room_id: str | None = None) -> str:
    """Open a session, and give its first refresh token."""
    token = a_pair(tools, tenant, room_id).refresh_token
    assert token is not None
    return token


def refresh(line: Line, token: str, key: str | None = None) -> Answer:
    """Refresh in Chalk JSON, with an Idempotency-Key or without."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return line.send("/api/v1/auth/refresh", {"refresh_token": token}, headers=headers)


def family_of(token: str, tools: Tools) -> Row[Any]:
    """Read the row of the session that a refresh token belongs to, as it stands in the database now."""
    parsed = refresh_tokens.parse(token, tools.http.issuer, tools.refresh_keys)
    assert parsed is not None
    with tools.database.reading() as connection:
        return connection.execute(select(FamilyRow.__table__).where(FamilyRow.id == parsed.family_id)).one()
