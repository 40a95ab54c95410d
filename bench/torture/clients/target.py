"""The server under torture, as its clients see it: where its doors are, and who may enter."""

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

# An answer that takes longer is given up: to the client, nobody knows what came of the request.
PATIENCE_SECONDS = 2.0
# Stands for the code of a refusal when that was so.
LATE = "timeout"


@dataclass(frozen=True)
class Answer:
    """What came back; `status` is None when nothing did."""

    status: int | None
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether it was done."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def error(self) -> str:
        """Give the code of a refusal, in either dialect."""
        told = self.body.get("error", "")
        return str(told.get("code", "")) if isinstance(told, dict) else str(told)


@dataclass(frozen=True)
class Host:
    """
    One server: the URLs of its doors, and how to reach it.

    Args:
        via: address of the proxy through which clients go; without it, they connect to the URL's own.
        documents: URLs that must be served whatever happens to the database.
        resource: a URL that takes a Bearer token and asks the database, if there is one.
    """

    name: str
    token: str
    revoke: str = ""
    introspect: str = ""
    jwks: str = ""
    documents: Sequence[str] = ()
    resource: str = ""
    via: tuple[str, int] | None = None


@dataclass
class Credential:
    """A client; its secret changes when its key is rotated."""

    name: str
    client_id: str
    secret: str = field(repr=False)


class Steering(Protocol):
    """What an admin of this server can do besides revoking tokens; no standard has it."""

    @property
    def rotating(self) -> Credential:
        """The client whose API key is replaced again and again."""
        ...

    @property
    def ending(self) -> Credential:
        """The client whose tenant is suspended now and then."""
        ...

    def rotate_key(self, host: Host, secret: str, key: str) -> Answer:
        """Replace the API key of `rotating`, at once."""
        ...

    def new_key(self, host: Host) -> Answer:
        """Issue another API key of `rotating`, as an operator does for a tenant that has lost its own."""
        ...

    def set_suspended(self, host: Host, *, suspended: bool) -> Answer:
        """Suspend the tenant `ending`, or let it act again."""
        ...


@dataclass(frozen=True)
class Target:
    """
    All of it.

    Args:
        hosts: servers on one database; a client may ask any.
        steady: a client whose credential stays.
        issue: form fields that open a session.
        starts: refresh tokens to begin with, where no grant of a client alone gives any.
        steering: what else an admin can do.
    """

    hosts: Sequence[Host]
    steady: Credential
    issue: Mapping[str, str]
    starts: list[str] = field(default_factory=list, repr=False)
    steering: Steering | None = None


def post(
    host: Host, url: str, form: Mapping[str, str], client: Credential, headers: Mapping[str, str] | None = None
) -> Answer:
    """POST a form as this client, by `client_secret_basic` (RFC 6749 section 2.3.1)."""
    pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
    basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return send(host.via, "POST", url, urlencode(form), {**kind, **basic, **(headers or {})})


def send(
    via: tuple[str, int] | None,
    method: str,
    url: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request over a connection of its own; whatever goes wrong is no answer."""
    parts = urlsplit(url)
    address = via or (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    try:
        line = socket.create_connection(address, timeout=PATIENCE_SECONDS)
        # Given a socket, the connection opens none itself; so the URL's own name is kept in Host and in TLS.
        connection.sock = line
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(line, server_hostname=parts.hostname)
        connection.request(method, parts.path or "/", body, {"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        if not text and not {"content-length", "transfer-encoding"} & _small(answer).keys() and answer.status != 204:
            # Cut within the headers: what is left of them looks like an answer without a body.
            return Answer(None)
        told = json.loads(text) if text else {}
        return Answer(answer.status, told if isinstance(told, dict) else {}, _small(answer))
    except TimeoutError:
        return Answer(None, {"error": LATE})
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(None)
    finally:
        connection.close()


def _small(answer: http.client.HTTPResponse) -> Mapping[str, str]:
    return {name.lower(): value for name, value in answer.getheaders()}
