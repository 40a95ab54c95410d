"""Refusals as the RFCs say them; the codes are of the protocol's table."""

from typing import Any

import msgspec
from flask import Response

from app.entrypoints.headers import come_back, no_store
from app.flows.refusals import InvalidClientError, MethodNotAllowedError, ServiceError
from app.protocol import errors


def refuse(error: ServiceError) -> Response:
    """Answer with a refusal (RFC 6749 section 5.2)."""
    status, body = errors.describe(error)
    response = plain(status, body)
    come_back(response.headers, error, status)
    if isinstance(error, MethodNotAllowedError):
        response.headers["Allow"] = error.allowed
    return response


def plain(status: int, body: dict[str, Any]) -> Response:
    """Answer with a status and a body of the protocol's own; none of them may be cached."""
    response = Response(msgspec.json.encode(body), status, content_type="application/json")
    no_store(response.headers)
    if body.get("error") == InvalidClientError.code:
        response.headers["WWW-Authenticate"] = 'Basic realm="chalk", charset="UTF-8"'
    return response
