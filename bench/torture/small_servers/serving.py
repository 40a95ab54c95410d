"""A small server on a port: token, revocation, introspection and JWKS endpoints in front of its sessions."""

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from joserfc import jwt
from joserfc.jwk import ECKey

from bench.torture.clients.target import Credential, Host, Target
from bench.torture.small_servers.rotations import Right, Token

_LIFE_SECONDS = 600


class SmallServer:
    """A WSGI application with one client."""

    def __init__(self, rotations: Right) -> None:
        self._rotations = rotations
        self._key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True)
        self._key.ensure_kid()
        self._sessions_of_access: dict[str, Any] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        form = dict(parse_qsl(environ["wsgi.input"].read(length).decode()))
        doors: Mapping[str, Any] = {
            "/token": lambda: self._token(form, environ.get("HTTP_IDEMPOTENCY_KEY")),
            "/revoke": lambda: self._revoke(form),
            "/introspect": lambda: self._introspect(form),
            "/jwks": lambda: {"keys": [self._key.as_dict(private=False)]},
        }
        told = doors[environ["PATH_INFO"]]()
        status = "400 Bad Request" if "error" in told else "200 OK"
        body = json.dumps(told).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _token(self, form: Mapping[str, str], key: str | None) -> dict[str, Any]:
        fresh = form.get("grant_type") == "client_credentials"
        token = self._rotations.start() if fresh else self._rotations.refresh(form.get("refresh_token", ""), key)
        if token is None:
            return {"error": "invalid_grant"}
        access = self._access(token)
        return {"access_token": access, "token_type": "Bearer", "refresh_token": token.text, "expires_in": 600}

    def _access(self, token: Token) -> str:
        claims = {"jti": uuid.uuid4().hex, "sid": token.session.name, "exp": int(time.time()) + _LIFE_SECONDS}
        access = jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)
        self._sessions_of_access[access] = token.session
        return access

    def _revoke(self, form: Mapping[str, str]) -> dict[str, Any]:
        self._rotations.revoke(form.get("token", ""))
        return {}

    def _introspect(self, form: Mapping[str, str]) -> dict[str, Any]:
        session = self._sessions_of_access.get(form.get("token", ""))
        return {"active": session is not None and not session.revoked}


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Say nothing of each request."""


@contextlib.contextmanager
def served(rotations: Right, port: int) -> Iterator[str]:
    """Serve such sessions on a port of this machine until the block ends; gives the URL."""
    server = make_server("127.0.0.1", port, SmallServer(rotations), _Threads, _Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def target_of(url: str, via: tuple[str, int] | None = None) -> Target:
    """Describe such a server to the harness."""
    host = Host("small", f"{url}/token", f"{url}/revoke", f"{url}/introspect", f"{url}/jwks", via=via)
    fields = {"grant_type": "client_credentials", "scope": "offline_access"}
    return Target([host], Credential("steady", "client", "secret"), fields)
