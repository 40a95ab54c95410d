"""
Read what a client authenticates with. Whether it is right, the story decides.

Source: RFC 6749 section 2.3; RFC 7523 section 2.2.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from app.flows.refusals import InvalidClientError, InvalidRequestError
from app.flows.results import Sender
from app.flows.steps import Credential
from app.protocol.requests import TokenRequest

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_HEADER = 8192


@dataclass(frozen=True)
class PresentedClient:
    """A client that Authlib may take for authenticated; the story verifies the credential."""

    credential: Credential

    def check_endpoint_auth_method(self, _method: str, _endpoint: str) -> bool:
        """Tell Authlib that the method is fine: every client may use every method that is registered."""
        return True


def must_be_single(request: TokenRequest) -> None:
    """
    Refuse a request that authenticates in more than one way (RFC 6749 section 2.3).

    Raises:
        InvalidRequestError: it does.
    """
    ways = [name for name in ("client_secret", "client_assertion") if name in request.payload.data]
    if request.headers.get("Authorization") is not None:
        ways.append("Authorization")
    if len(ways) > 1:
        raise InvalidRequestError("client authentication", "must use one method")


def basic(_query_client: object, request: TokenRequest) -> PresentedClient | None:
    """
    Read `client_secret_basic`; None when the request does not use it.

    Raises:
        InvalidClientError: the header cannot be read.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None

    credential = _decode(header, request.sender)
    if credential is None or request.payload.client_id not in {None, credential.client_id}:
        raise InvalidClientError
    return PresentedClient(credential)


def post(_query_client: object, request: TokenRequest) -> PresentedClient | None:
    """Read `client_secret_post`; None when the request does not use it."""
    client_id, secret = request.payload.client_id, request.payload.data.get("client_secret")
    if client_id is None or secret is None:
        return None
    return PresentedClient(Credential(client_id, secret, sender=request.sender))


def assertion(_query_client: object, request: TokenRequest) -> PresentedClient | None:
    """
    Read `private_key_jwt`; None when the request does not use it.

    Raises:
        InvalidClientError: the assertion is of a type that we do not know.
    """
    presented = request.payload.data.get("client_assertion")
    if presented is None:
        return None
    if request.payload.data.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidClientError
    return PresentedClient(Credential(request.payload.client_id, assertion=presented, sender=request.sender))


# In the order in which they are tried; the metadata lists exactly these.
METHODS: dict[str, Callable[[object, TokenRequest], PresentedClient | None]] = {
    "client_secret_basic": basic,
    "client_secret_post": post,
    "private_key_jwt": assertion,
}


def _decode(header: str, sender: Sender) -> Credential | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(header) > _LONGEST_HEADER:
        return None
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8").partition(":")
        return Credential(_form_decode(client_id), _form_decode(secret), sender=sender) if colon else None
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
