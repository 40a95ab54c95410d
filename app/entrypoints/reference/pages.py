"""GET /openapi.json and /docs."""

import functools
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path

import msgspec
from flask import Blueprint, Response, current_app

from app.entrypoints.headers import document
from app.entrypoints.operations import Dialect
from app.entrypoints.reference import openapi
from app.entrypoints.wiring import wired
from app.flows.refusals import NotFoundError

_MAX_AGE_SECONDS = 300
_PACKAGE = "flask_openapi3_swagger"
# Swagger UI as its package ships it; nothing is asked of any other host.
_ASSETS = {
    "swagger-ui.css": ("css/swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": ("js/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chalk Auth: reference</title>
<link rel="stylesheet" href="./docs/swagger-ui.css">
<div id="reference"></div>
<script src="./docs/swagger-ui-bundle.js"></script>
<script src="./docs/start.js"></script>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#reference", deepLinking: true, supportedSubmitMethods: [], validatorUrl: null,
});
"""
# Swagger UI sets styles from its script, and has its icons in its style sheet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def blueprint(dialects: Sequence[Dialect]) -> Blueprint:
    """Give the routes of the reference to these dialects."""
    door = Blueprint("reference", __name__)

    @functools.cache
    def described() -> bytes:
        version = metadata.version("chalk-auth")
        return msgspec.json.encode(openapi.document(current_app, dialects, version, wired().issuer))

    @door.get("/openapi.json")
    def openapi_json() -> Response:
        return document(described(), "application/json", _MAX_AGE_SECONDS)

    door.add_url_rule("/docs", view_func=page)
    door.add_url_rule("/docs/<name>", view_func=asset)
    return door


def page() -> Response:
    """Show the reference."""
    response = _public(_PAGE.encode(), "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def asset(name: str) -> Response:
    """Serve a file that the page needs."""
    if name == "start.js":
        return _public(_START.encode(), "text/javascript; charset=utf-8")
    if name not in _ASSETS:
        raise NotFoundError
    path, content_type = _ASSETS[name]
    return _public(_read(path), content_type)


def _public(content: bytes, content_type: str) -> Response:
    response = document(content, content_type, _MAX_AGE_SECONDS)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@functools.cache
def _read(path: str) -> bytes:
    # Found, not imported: the package would load the framework that it was made for.
    spec = util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise NotFoundError
    return (Path(spec.origin).parent / "templates" / "swagger" / path).read_bytes()
