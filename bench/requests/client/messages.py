"""What requests are printed from, and what is looked for in every answer."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bench.requests.client.answers import Answer, AnswerError

# Of so many tokens one is kept, and its signature verified when nothing is measured.
_SAMPLE = 50
_AGENT = "User-Agent: bench/1\r\nAccept: application/json\r\n"


@dataclass(frozen=True)
class Client:
    """Who asks: a name, a secret, the name of a room of theirs."""

    id: str
    secret: str = field(repr=False)
    room: str = ""

    @property
    def basic(self) -> str:
        """Give the header that shows the secret."""
        return "Basic " + base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()


def printed(method: str, path: str, host: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Print a request."""
    given = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{_AGENT}{given}{length}\r\n".encode() + body


def as_json(path: str, host: str, content: object, **headers: str) -> bytes:
    """Print a request with a body of JSON."""
    return printed("POST", path, host, {"Content-Type": "application/json", **headers}, json.dumps(content).encode())


def as_form(path: str, host: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    """Print a request with a form."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return printed("POST", path, host, {**kind, **headers}, urlencode(fields).encode())


def content(answer: Answer, *members: str) -> dict[str, Any]:
    """Read the JSON of an answer that must be a success, and hold these members."""
    if answer.status != 200:
        raise AnswerError(f"status {answer.status}: {answer.body[:300]!r}")
    read: dict[str, Any] = msgspec.json.decode(answer.body)
    data: dict[str, Any] = read.get("data", read)
    if missing := [name for name in members if name not in data]:
        raise AnswerError(f"an answer without {missing}: {answer.body[:300]!r}")
    return data


class Freshness:
    """Every access token that a server gave away: none may come twice, and all are signed by a published key."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._sample: list[str] = []

    def note(self, access: str) -> None:
        """Look at a token that was just given away."""
        padded = access.split(".")[1] + "=="
        jti = msgspec.json.decode(base64.urlsafe_b64decode(padded))["jti"]
        if jti in self._seen:
            raise AnswerError(f"the token {jti} was given away before")
        self._seen.add(jti)
        if len(self._seen) % _SAMPLE == 1:
            self._sample.append(access)

    def verify(self, jwks: Mapping[str, Any]) -> int:
        """Verify the signatures of the tokens that were kept, and give how many they were."""
        keys = KeySet.import_key_set(dict(jwks))  # type: ignore[arg-type]
        sample, self._sample = self._sample, []
        for each in sample:
            try:
                jws.deserialize_compact(each, keys, algorithms=["RS256"])
            except (JoseError, ValueError) as error:
                raise AnswerError(f"a token does not verify: {error}") from error
        return len(sample)
