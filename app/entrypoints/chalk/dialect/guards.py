"""Who is asking: by API key, or by API key or access token."""

from flask import g, request

from app.entrypoints.wiring import sender, wired
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.refusals import AuthenticationRequiredError, MalformedCredentialError
from app.flows.results import Caller, CreatedKey, Once
from app.protocol import bearer


def by_key(once: Once[CreatedKey] | None = None) -> Caller:
    """
    Authenticate by `X-API-Key`; with `once`, a rotation, also a key that it has just retired.

    Raises:
        AlreadyDone: that is so, and this is the reply to it.
        AuthenticationRequiredError: there is none.
        InvalidApiKeyError, RateLimitedError, TenantSuspendedError, KeyInBrowserError, KeyElsewhereError: see
            `authenticate_api_key`.
    """
    presented = request.headers.get("X-API-Key")
    if presented is None:
        raise AuthenticationRequiredError

    caller = authenticate_api_key(presented, wired().tools, sender=sender(), once=once)
    g.key_rotating_until = caller.key_rotating_until
    return caller


def by_key_or_token() -> Caller:
    """
    Authenticate by `X-API-Key`, or by `Authorization: Bearer`; not by both.

    Raises:
        MalformedCredentialError: see `bearer_token`.
        InvalidAccessTokenError, AccessTokenExpiredError: see `authenticate_access_token`.
    """
    presented = bearer_token()
    return by_key() if presented is None else authenticate_access_token(presented, wired().tools, sender=sender())


def bearer_token() -> str | None:
    """
    Read the access token of `Authorization: Bearer`, which nobody has looked at yet; None when there is to be a key.

    Raises:
        MalformedCredentialError: both stand there, or the header is not of a bearer token.
    """
    header = request.headers.get("Authorization")
    # A refusal challenges for a bearer token, unless a key was presented instead.
    g.takes_bearer = header is not None or "X-API-Key" not in request.headers
    if header is None:
        return None
    if "X-API-Key" in request.headers:
        raise MalformedCredentialError
    return bearer.read(header)
