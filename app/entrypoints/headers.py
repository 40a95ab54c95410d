"""Headers that every door sets in the same way."""

import hashlib
import re
from datetime import datetime

from flask import Response, request
from werkzeug.datastructures import Headers

from app.foundation import opaque
from app.foundation.clock import rfc3339

RETRY_AFTER_SECONDS = "1"
_REQUEST_ID = re.compile(r"[\w-]{8,128}", re.ASCII)


def request_id(presented: str | None) -> str:
    """Give the id under which this request is logged: the client's own, when it is a plain word, or a new one."""
    if presented is not None and _REQUEST_ID.fullmatch(presented):
        return presented
    return opaque.random_token()


def no_store(headers: Headers) -> None:
    """Keep an answer with a token or a key in it out of every cache (RFC 6749 section 5.1)."""
    headers["Cache-Control"] = "no-store"
    headers["Pragma"] = "no-cache"


def document(content: bytes, content_type: str, max_age_seconds: int) -> Response:
    """Answer with a public document that may be cached, or 304 to whoever has it already (RFC 9111, RFC 9110)."""
    response = Response(content, content_type=content_type)
    response.headers["Cache-Control"] = f"public, max-age={max_age_seconds}"
    response.set_etag(hashlib.sha256(content).hexdigest()[:32])
    response.make_conditional(request)
    return response


def key_status(headers: Headers, rotating_until: datetime | None) -> None:
    """Tell the user of a key in its grace that it has been replaced, and until when it works."""
    if rotating_until is not None:
        headers["X-API-Key-Status"] = f'rotating; expires_at="{rfc3339(rotating_until)}"'
