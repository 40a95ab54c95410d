"""
Bearer tokens in the Authorization header, and the challenges that answer them.

Source: RFC 6750 sections 2.1 and 3.
"""

import re

from app.flows.refusals import (
    AccessTokenExpiredError,
    AuthenticationRequiredError,
    InsufficientScopeError,
    InvalidAccessTokenError,
    MalformedCredentialError,
    ServiceError,
)

_HEADER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*) *", re.ASCII)

_ERRORS: dict[type[ServiceError], str] = {
    MalformedCredentialError: "invalid_request",
    InvalidAccessTokenError: "invalid_token",
    AccessTokenExpiredError: "invalid_token",
    InsufficientScopeError: "insufficient_scope",
}


def read(header: str) -> str:
    """
    Give the token of an Authorization header; the scheme's name is case-insensitive.

    Raises:
        MalformedCredentialError: another scheme, no token, or more than one.
    """
    match = _HEADER.fullmatch(header)
    if match is None:
        raise MalformedCredentialError
    return match.group(1)


def challenge(error: ServiceError, metadata_url: str) -> str | None:
    """
    Give the `WWW-Authenticate` of a refusal that concerns a bearer token, or the lack of one; else None.

    `metadata_url` is where the resource says which server issues its tokens (RFC 9728 section 5.1).
    """
    parts = ['Bearer realm="chalk"']
    if type(error) in _ERRORS:
        parts += [f'error="{_ERRORS[type(error)]}"', f'error_description="{error.public}"']
    elif not isinstance(error, AuthenticationRequiredError):
        return None

    if isinstance(error, InsufficientScopeError):
        parts.append(f'scope="{error.scope}"')
    return ", ".join([*parts, f'resource_metadata="{metadata_url}"'])
