"""The one Authlib authorization server: every token, in either dialect, leaves through here."""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749.errors import UnsupportedGrantTypeError
from authlib.oauth2.rfc6749.requests import OAuth2Request

from app.flows.refusals import InvalidRequestError
from app.flows.results import TokenPair
from app.flows.tools import Tools
from app.protocol.client_auth import METHODS, must_be_single
from app.protocol.endpoints import ENDPOINTS, Introspection, Revocation
from app.protocol.errors import describe_authlib
from app.protocol.grants import GRANTS, ApiKeyGrant, Grant, ParticipantGrant, PossessionRefreshGrant
from app.protocol.requests import Parameters, TokenRequest, Transport

Answer = TokenPair | tuple[int, dict[str, Any]]


class Server(AuthorizationServer):
    """
    Reads the client's authentication, and has the grant of a request run its story, whose refusals pass through it
    untouched.

    A token endpoint's answer is the pair itself; the doors print it in their dialect.
    """

    def __init__(self, tools: Tools) -> None:
        super().__init__()
        self.tools = tools
        for method, read in METHODS.items():
            self.register_client_auth_method(method, read)
        self._grant_of = {(grant.GRANT_TYPE, grant.BY_POSSESSION): grant for grant in GRANTS}
        for endpoint in ENDPOINTS:
            self.register_endpoint(endpoint)

    def token(self, parameters: Parameters, carried: Transport) -> Answer:
        """
        Answer a request at /oauth/token: a pair, or the status and body of an error of Authlib's own.

        Raises:
            ServiceError: what the story refused.
        """
        if parameters.grant_type is None:
            raise InvalidRequestError("grant_type", "is required")
        answer: Answer = self.create_token_response(self._request(parameters, carried))
        return answer

    def revoke(self, parameters: Parameters, carried: Transport) -> Answer:
        """Answer a request at /oauth/revoke; raises what the story refused."""
        answer: Answer = self.create_endpoint_response(Revocation.ENDPOINT_NAME, self._request(parameters, carried))
        return answer

    def introspect(self, parameters: Parameters, carried: Transport) -> Answer:
        """Answer a request at /oauth/introspect; raises what the story refused."""
        answer: Answer = self.create_endpoint_response(Introspection.ENDPOINT_NAME, self._request(parameters, carried))
        return answer

    def exchange(self, fields: Mapping[str, str], carried: Transport) -> TokenPair:
        """Answer Chalk JSON's exchange of an API key."""
        return self._pair({"grant_type": ApiKeyGrant.GRANT_TYPE, **fields}, carried)

    def exchange_for_participant(self, fields: Mapping[str, str], carried: Transport) -> TokenPair:
        """Answer Chalk JSON's exchange of an API key for tokens of a participant."""
        return self._pair({"grant_type": ParticipantGrant.GRANT_TYPE, **fields}, carried)

    def refresh(self, refresh_token: str, carried: Transport) -> TokenPair:
        """Answer Chalk JSON's refresh; of the headers, the Idempotency-Key counts."""
        fields = {"grant_type": PossessionRefreshGrant.GRANT_TYPE, "refresh_token": refresh_token}
        return self._pair(fields, carried)

    @property
    def grant_types(self) -> list[str]:
        """List the grants that /oauth/token really offers, for the metadata."""
        return [grant_type for grant_type, by_possession in self._grant_of if not by_possession]

    @property
    def endpoint_names(self) -> list[str]:
        """List the endpoints beside the token endpoint, by Authlib's names, for the metadata."""
        return list(self._endpoints)

    def get_token_grant(self, request: TokenRequest) -> Grant:
        """
        Find the grant of a request, by its type and its dialect.

        Raises:
            UnsupportedGrantTypeError: there is none.
        """
        kind = self._grant_of.get((request.payload.grant_type, request.by_possession))
        if kind is None:
            raise UnsupportedGrantTypeError(request.payload.grant_type)
        grant = kind(request, self)
        grant.tools = self.tools
        return grant

    def create_oauth2_request(self, request: TokenRequest) -> OAuth2Request:
        """Give Authlib the request that we made ourselves."""
        return request

    def handle_response(self, status: int, body: Any, _headers: Any) -> Answer:
        """Give the answer on to the door."""
        return body if isinstance(body, TokenPair) else (status, body)

    def handle_error_response(self, _request: OAuth2Request, error: OAuth2Error) -> Answer:
        """Say an error of Authlib's own in our words."""
        return describe_authlib(error)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: signals would carry live tokens."""

    def _request(self, parameters: Parameters, carried: Transport) -> TokenRequest:
        request = TokenRequest(parameters, carried, issuer=self.tools.http.issuer, by_possession=False)
        must_be_single(request)
        return request

    def _pair(self, parameters: Mapping[str, str], carried: Transport) -> TokenPair:
        request = TokenRequest(Parameters(parameters), carried, issuer=self.tools.http.issuer, by_possession=True)
        answer = self.create_token_response(request)
        if not isinstance(answer, TokenPair):
            raise TypeError("a grant of Chalk JSON gave no pair")
        return answer
