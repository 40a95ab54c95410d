"""Two applications on one database, one with the express door and one without, and requests as raw WSGI."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from wsgiref.types import WSGIApplication

from flask import Flask

from app.entrypoints.wiring import wiring_of
from app.flows.results import TokenPair
from app.flows.tools import Tools
from tests.builders import Tenant, a_pair

EXCHANGE, REFRESH, TOKEN = "/api/v1/auth/token", "/api/v1/auth/refresh", "/oauth/token"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
OWN_ID = "request-of-mine"

_TOKENS = re.compile(rb'("(?:access_token|refresh_token)":)"([^"]+)"')


@dataclass(frozen=True)
class Ask:
    """A request: its path, type and body, and what else is in its WSGI environment."""

    path: str
    content_type: str
    body: bytes = field(repr=False)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """An answer: its status line, its headers in their order, its body with tokens by their length."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Scene:
    """A tenant of a case's own, and what its requests are made of."""

    tools: Tools
    tenant: Tenant

    def pair(self) -> TokenPair:
        """Get a pair of the tenant."""
        return a_pair(self.tools, self.tenant)


Case = Callable[[Scene], Iterable[Ask]]


def exchange(api_key: Any, more: Mapping[str, Any] | None = None, **fields: Any) -> Ask:
    """Give an exchange in Chalk JSON."""
    return Ask(EXCHANGE, JSON, json.dumps({"api_key": api_key, **fields}).encode(), more or {})


def refresh(token: Any, more: Mapping[str, Any] | None = None, **fields: Any) -> Ask:
    """Give a refresh in Chalk JSON."""
    return Ask(REFRESH, JSON, json.dumps({"refresh_token": token, **fields}).encode(), more or {})


def oauth(form: Mapping[str, Any] | bytes, more: Mapping[str, Any] | None = None) -> Ask:
    """Give a request at the token endpoint."""
    return Ask(TOKEN, FORM, form if isinstance(form, bytes) else urlencode(form, doseq=True).encode(), more or {})


def basic(tenant: Tenant) -> dict[str, str]:
    """Show a tenant's key by Basic."""
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{tenant.id}:{tenant.api_key}".encode()).decode()}


def environ(ask: Ask) -> dict[str, Any]:
    """Give the WSGI environment of a request, as a server in front would; what is None in it is left out."""
    usual = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": ask.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "auth.example:8000",
        "HTTP_X_REQUEST_ID": OWN_ID,
        "CONTENT_TYPE": ask.content_type,
        "CONTENT_LENGTH": str(len(ask.body)),
        "wsgi.input": io.BytesIO(ask.body),
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        **ask.more,
    }
    return {name: value for name, value in usual.items() if value is not None}


def send(application: WSGIApplication, ask: Ask) -> Told:
    """Send a request."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _failed: object = None) -> Callable[..., None]:
        begun.append((status, headers))
        return lambda _: None

    body = b"".join(application(environ(ask), start_response))
    [(status, headers)] = begun
    named = [
        (name, f"<{len(value)}>" if name == "X-Request-Id" and value != OWN_ID else value) for name, value in headers
    ]
    return Told(status, named, _TOKENS.sub(lambda found: found[1] + b"%d" % len(found[2]), body))


@dataclass(frozen=True)
class Door:
    """An application, and how many requests reached the framework."""

    app: Flask
    reached: list[object]

    @property
    def tools(self) -> Tools:
        """Give what its stories reach for."""
        return wiring_of(self.app).tools

    def send(self, ask: Ask) -> Told:
        """Send a request."""
        return send(self.app.wsgi_app, ask)


def doors(make_app: Callable[..., Flask], **settings: str) -> tuple[Door, Door]:
    """Make one with the express door, and one without; neither may hold a connection while it wants another."""
    return _door(make_app(EXPRESS="on", **settings)), _door(make_app(EXPRESS="off", **settings))


def _door(app: Flask) -> Door:
    reached: list[object] = []
    app.before_request(lambda: reached.append(None))
    return Door(app, reached)
