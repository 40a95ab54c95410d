"""
What the server says of itself, made from what is registered, so that it cannot say anything else.

Source: RFC 8414 section 2; RFC 9728 section 2. `response_types_supported` is left out: there is no authorization
endpoint, and RFC 8414 section 3.2 forbids empty arrays (docs/divergences.md).
"""

from typing import Any
from urllib.parse import urlsplit

from app.flows.look_up import look_up_assertion_algorithms, look_up_rooms_scopes, look_up_scopes
from app.protocol.client_auth import METHODS
from app.protocol.server import Server

TOKEN_PATH = "/oauth/token"  # noqa: S105  a path, not a secret
REVOCATION_PATH = "/oauth/revoke"
INTROSPECTION_PATH = "/oauth/introspect"
JWKS_PATH = "/.well-known/jwks.json"
DOCUMENTATION_PATH = "/docs"

_SERVER = "/.well-known/oauth-authorization-server"
_RESOURCE = "/.well-known/oauth-protected-resource"
_PATHS = {"token": TOKEN_PATH, "revocation": REVOCATION_PATH, "introspection": INTROSPECTION_PATH}


def describe_server(server: Server) -> dict[str, Any]:
    """Give the authorization server's metadata (RFC 8414)."""
    issuer = server.tools.http.issuer
    endpoints: dict[str, Any] = {}
    for name in ("token", *server.endpoint_names):
        endpoints[f"{name}_endpoint"] = issuer + _PATHS[name]
        endpoints[f"{name}_endpoint_auth_methods_supported"] = list(METHODS)
        endpoints[f"{name}_endpoint_auth_signing_alg_values_supported"] = look_up_assertion_algorithms()
    return {
        "issuer": issuer,
        **endpoints,
        "jwks_uri": issuer + JWKS_PATH,
        "grant_types_supported": server.grant_types,
        "scopes_supported": look_up_scopes(),
        "service_documentation": issuer + DOCUMENTATION_PATH,
        "protected_resources": [server.tools.http.audiences[0]],
    }


def describe_resource(server: Server) -> dict[str, Any]:
    """Give the metadata of our own API as a protected resource (RFC 9728)."""
    issuer = server.tools.http.issuer
    return {
        "resource": server.tools.http.audiences[0],
        "authorization_servers": [issuer],
        "scopes_supported": look_up_rooms_scopes(),
        "bearer_methods_supported": ["header"],
        "resource_name": "Chalk rooms API",
        "resource_documentation": issuer + DOCUMENTATION_PATH,
    }


def server_path(issuer: str) -> str:
    """Give the path of the server's metadata: a path of the issuer is appended to it (RFC 8414 section 3.1)."""
    return _SERVER + urlsplit(issuer).path


def resource_path(resource: str) -> str:
    """Give the path of the resource's metadata: a path of the resource is appended to it (RFC 9728 section 3.1)."""
    return _RESOURCE + urlsplit(resource).path


def resource_url(resource: str) -> str:
    """Give the URL of the resource's metadata, as challenges name it (RFC 9728 section 5.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{resource_path(resource)}"
