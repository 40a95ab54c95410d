"""
What the server says of itself, made from what is registered, so that it cannot say anything else.

Source: RFC 8414 section 2. `response_types_supported` is left out: there is no authorization endpoint, and
section 3.2 forbids empty arrays (docs/divergences.md).
"""

from typing import Any
from urllib.parse import urlsplit

from app.flows.look_up import look_up_scopes
from app.protocol.client_auth import METHODS
from app.protocol.server import Server

TOKEN_PATH = "/oauth/token"  # noqa: S105  a path, not a secret
JWKS_PATH = "/.well-known/jwks.json"
_WELL_KNOWN = "/.well-known/oauth-authorization-server"


def describe(server: Server) -> dict[str, Any]:
    """Give the authorization server's metadata."""
    issuer = server.tools.http.issuer
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "grant_types_supported": server.grant_types,
        "token_endpoint_auth_methods_supported": list(METHODS),
        "scopes_supported": look_up_scopes(),
    }


def well_known_path(issuer: str) -> str:
    """Give the path of the metadata: a path of the issuer is appended to it (RFC 8414 section 3.1)."""
    return _WELL_KNOWN + urlsplit(issuer).path
