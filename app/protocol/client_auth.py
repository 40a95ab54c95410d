"""
Read what a client authenticates with. Whether it is right, the story decides in its own transaction.

Source: RFC 6749 section 2.3.1.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from app.flows.refusals import InvalidClientError, InvalidRequestError
from app.protocol.requests import TokenRequest

_LONGEST_HEADER = 8192


@dataclass(frozen=True)
class PresentedClient:
    """A client id and a secret that nobody has verified yet."""

    client_id: str
    client_secret: str = field(repr=False)

    def check_endpoint_auth_method(self, _method: str, _endpoint: str) -> bool:
        """Tell Authlib that the method is fine: every client may use every method that is registered."""
        return True


def basic(_query_client: object, request: TokenRequest) -> PresentedClient | None:
    """
    Read `client_secret_basic`; None when the request does not use it.

    Raises:
        InvalidClientError: the header cannot be read.
        InvalidRequestError: a second way of authenticating stands beside it (RFC 6749 section 2.3).
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    if "client_secret" in request.payload.data:
        raise InvalidRequestError("client_secret", "must not stand beside an Authorization header")

    client = _decode(header)
    if client is None or request.payload.client_id not in {None, client.client_id}:
        raise InvalidClientError
    return client


def post(_query_client: object, request: TokenRequest) -> PresentedClient | None:
    """Read `client_secret_post`; None when the request does not use it."""
    client_id, secret = request.payload.client_id, request.payload.data.get("client_secret")
    if client_id is None or secret is None:
        return None
    return PresentedClient(client_id, secret)


# In the order in which they are tried; the metadata lists exactly these.
METHODS: dict[str, Callable[[object, TokenRequest], PresentedClient | None]] = {
    "client_secret_basic": basic,
    "client_secret_post": post,
}


def _decode(header: str) -> PresentedClient | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(header) > _LONGEST_HEADER:
        return None
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8").partition(":")
        return PresentedClient(_form_decode(client_id), _form_decode(secret)) if colon else None
    except (binascii.Error, ValueError):
        return None


def _form_decode(text: str) -> str:
    # RFC 6749 Appendix B: ids and secrets are form-encoded before they are put into the header; ours are
    # the same either way, but some clients encode even the underscore.
    raw = text.replace("+", " ").encode()
    if any(not _is_hex(escape[:2]) for escape in raw.split(b"%")[1:]):
        raise ValueError("a broken escape")
    return unquote_to_bytes(raw).decode("utf-8")


def _is_hex(digits: bytes) -> bool:
    return len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits)
