"""
The endpoints beside the token endpoint: each authenticates the client as the grants do, and calls exactly one story.

Source: RFC 7009; RFC 7662.
"""

from typing import Any

from authlib.oauth2.rfc6749 import TokenEndpoint
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from app.flows.introspect_token import introspect_token
from app.flows.refusals import InvalidRequestError
from app.flows.revoke_token import revoke_token
from app.flows.steps import Credential
from app.protocol.client_auth import METHODS, PresentedClient
from app.protocol.requests import TokenRequest

Reply = tuple[int, dict[str, Any], list[tuple[str, str]]]


class Revocation(RevocationEndpoint):
    """RFC 7009. The hint is read by nobody: our tokens say themselves what they are."""

    CLIENT_AUTH_METHODS = tuple(METHODS)

    def create_endpoint_response(self, request: TokenRequest) -> Reply:
        """Revoke what was presented; 200 whatever it was (section 2.2)."""
        credential = _credential(self, request)
        revoke_token(request.payload.data.get("token", ""), credential, self.server.tools, sender=request.sender)
        return _answer(request, {})


class Introspection(IntrospectionEndpoint):
    """RFC 7662."""

    CLIENT_AUTH_METHODS = tuple(METHODS)

    def create_endpoint_response(self, request: TokenRequest) -> Reply:
        """Tell what was presented; anything inactive is told in the same two words (section 2.2)."""
        credential = _credential(self, request)
        facts = introspect_token(request.payload.data.get("token", ""), credential, self.server.tools)
        return _answer(request, facts or {"active": False})


ENDPOINTS: tuple[type[TokenEndpoint], ...] = (Revocation, Introspection)


def _credential(endpoint: TokenEndpoint, request: TokenRequest) -> Credential:
    client: PresentedClient = endpoint.authenticate_endpoint_client(request)
    return client.credential


def _answer(request: TokenRequest, body: dict[str, Any]) -> Reply:
    # Looked at last: whoever is not a client learns nothing of what is missing.
    if "token" not in request.payload.data:
        raise InvalidRequestError("token", "is required")
    return 200, body, []
