"""The OAuth dialect: /oauth/token and the well-known documents, in the RFCs' own words."""

import hashlib

import msgspec
from flask import Blueprint, Response, g, request

from app.entrypoints.headers import RETRY_AFTER_SECONDS, no_store
from app.entrypoints.wiring import body, wired
from app.flows.look_up import look_up_jwks
from app.flows.refusals import InvalidClientError, MethodNotAllowedError, ServiceError, UnsupportedMediaTypeError
from app.flows.results import TokenPair
from app.protocol import errors, metadata
from app.protocol.requests import read_form

PREFIXES = ("/oauth", "/.well-known")
FORM = "application/x-www-form-urlencoded"


class TokenBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of the token endpoint (RFC 6749 section 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None


def blueprint(issuer: str) -> Blueprint:
    """Give all routes of the dialect; a path of the issuer stands at the end of the metadata's own."""
    door = Blueprint("oauth", __name__)
    door.add_url_rule(metadata.TOKEN_PATH, view_func=token, methods=["POST"])
    door.add_url_rule(metadata.JWKS_PATH, view_func=jwks, methods=["GET"])
    door.add_url_rule(metadata.well_known_path(issuer), view_func=server_metadata, methods=["GET"])
    return door


def token() -> Response:
    """Answer at the token endpoint (RFC 6749 section 3.2)."""
    if request.mimetype != FORM:
        raise UnsupportedMediaTypeError(FORM)

    names = ("Authorization", "Idempotency-Key")
    answer = wired().server.token(read_form(body()), {name: request.headers.get(name) for name in names})
    if not isinstance(answer, TokenPair):
        return _refuse(*answer)

    g.key_rotating_until = answer.key_rotating_until
    pair = TokenBody(
        access_token=answer.access_token,
        token_type="Bearer",  # noqa: S106  a type, not a secret
        expires_in=answer.expires_in,
        scope=answer.scope,
        refresh_token=answer.refresh_token,
    )
    response = Response(msgspec.json.encode(pair), content_type="application/json")
    no_store(response.headers)
    return response


def jwks() -> Response:
    """Publish the keys (RFC 7517); verifiers may keep them for the configured time."""
    return _document(look_up_jwks(wired().tools), "application/jwk-set+json")


def server_metadata() -> Response:
    """Publish the metadata (RFC 8414)."""
    return _document(msgspec.json.encode(metadata.describe(wired().server)), "application/json")


def refuse(error: ServiceError) -> Response:
    """Answer with a refusal as RFC 6749 section 5.2 says it."""
    response = _refuse(*errors.describe(error))
    if isinstance(error, MethodNotAllowedError):
        response.headers["Allow"] = error.allowed
    return response


def _refuse(status: int, body: dict[str, str]) -> Response:
    response = Response(msgspec.json.encode(body), status, content_type="application/json")
    no_store(response.headers)
    if body["error"] == InvalidClientError.code:
        response.headers["WWW-Authenticate"] = 'Basic realm="chalk", charset="UTF-8"'
    if status == 503:
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def _document(body: bytes, content_type: str) -> Response:
    response = Response(body, content_type=content_type)
    response.headers["Cache-Control"] = f"public, max-age={wired().jwks_max_age_seconds}"
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.make_conditional(request)
    return response
