"""
The grants: each overrides both of Authlib's phases, and calls exactly one story.

Authlib's own refresh grant is not used: it saves the new token and then revokes the old one, which mints several
living successors when one token is presented many times at once (docs/decisions/0004-authlib-as-dispatcher.md).
"""

from typing import ClassVar

from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin

from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.exchange_for_participant import ParticipantExchange, exchange_for_participant
from app.flows.exchange_token import TokenExchange, exchange_token
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidRequestError
from app.flows.results import TokenPair
from app.flows.steps import Credential
from app.flows.tools import Tools
from app.protocol.client_auth import METHODS, PresentedClient
from app.protocol.exchange import API_KEY_TYPE, asked_participant, asked_seconds, check_types


class Grant(BaseGrant, TokenEndpointMixin):
    """What all of them share: where they are offered, and how a pair becomes an answer."""

    TOKEN_ENDPOINT_AUTH_METHODS = tuple(METHODS)
    BY_POSSESSION: ClassVar[bool] = False
    GRANT_TYPE: ClassVar[str]
    tools: Tools

    def validate_token_request(self) -> None:
        """Find out what the client authenticates with; the story verifies it."""
        self.request.client = self.authenticate_token_endpoint_client()

    def create_token_response(self) -> tuple[int, TokenPair, list[tuple[str, str]]]:
        """Tell the story, and hand its pair to the server."""
        return 200, self.run(), []

    def run(self) -> TokenPair:
        """Call the one story of this grant."""
        raise NotImplementedError

    def required(self, name: str) -> str:
        """Give a parameter that must be there (RFC 6749 section 5.2)."""
        value: str | None = self.request.payload.data.get(name)
        if value is None:
            raise InvalidRequestError(name, "is required")
        return value

    @property
    def credential(self) -> Credential:
        """Give what the client showed, unverified."""
        client: PresentedClient = self.request.client
        return client.credential


class ClientCredentialsGrant(Grant):
    """A client in its own name, by API key or assertion (RFC 6749 section 4.4)."""

    GRANT_TYPE = "client_credentials"

    def run(self) -> TokenPair:
        """Exchange it; a refresh token only if `offline_access` is asked for (RFC 6749 section 4.4.3)."""
        wanted = Exchange(
            credential=self.credential,
            scope=self.request.payload.scope,
            resources=self.request.payload.resources,
            sender=self.request.sender,
        )
        return exchange_api_key(wanted, self.tools)


class RefreshTokenGrant(Grant):
    """A refresh token of an authenticated client (RFC 6749 section 6)."""

    GRANT_TYPE = "refresh_token"

    def run(self) -> TokenPair:
        """Rotate it."""
        wanted = Refresh(
            refresh_token=self.required("refresh_token"),
            idempotency_key=self.request.headers.get("Idempotency-Key"),
            credential=self.credential,
            scope=self.request.payload.scope,
            resources=self.request.payload.resources,
            sender=self.request.sender,
        )
        return refresh_access(wanted, self.tools)


class ApiKeyGrant(Grant):
    """An API key by itself, as Chalk JSON presents it; not offered at /oauth/token."""

    GRANT_TYPE = "urn:chalk:params:oauth:grant-type:api-key"
    BY_POSSESSION = True

    def validate_token_request(self) -> None:
        """Nothing to do: the key is the client's authentication, and the story verifies it."""

    def run(self) -> TokenPair:
        """Exchange it, always with a refresh token."""
        wanted = Exchange(
            credential=Credential(secret=self.required("api_key"), sender=self.request.sender),
            scope=self.request.payload.scope,
            room_id=self.request.payload.data.get("room_id"),
            offline=True,
            access_ttl_seconds=asked_seconds(self.request.payload),
            sender=self.request.sender,
        )
        return exchange_api_key(wanted, self.tools, once=self.request.once)


class ParticipantGrant(ApiKeyGrant):
    """An API key by itself, for tokens of a participant, as Chalk JSON asks; not offered at /oauth/token."""

    GRANT_TYPE = "urn:chalk:params:oauth:grant-type:participant"

    def run(self) -> TokenPair:
        """Admit the participant, if need be, and exchange the key for their tokens."""
        wanted = ParticipantExchange(
            credential=Credential(secret=self.required("api_key"), sender=self.request.sender),
            room_id=self.required("room_id"),
            participant=asked_participant(self.request.payload),
            scope=self.request.payload.scope,
            access_ttl_seconds=asked_seconds(self.request.payload),
            sender=self.request.sender,
        )
        return exchange_for_participant(wanted, self.tools, once=self.request.once)


class PossessionRefreshGrant(Grant):
    """A refresh token by itself, as Chalk JSON presents it; not offered at /oauth/token."""

    GRANT_TYPE = "refresh_token"
    BY_POSSESSION = True

    def validate_token_request(self) -> None:
        """Nothing to do: possession is enough, and the story verifies the token."""

    def run(self) -> TokenPair:
        """Rotate it."""
        wanted = Refresh(
            refresh_token=self.required("refresh_token"),
            idempotency_key=self.request.headers.get("Idempotency-Key"),
            sender=self.request.sender,
        )
        return refresh_access(wanted, self.tools)


class TokenExchangeGrant(Grant):
    """A tenant's token or key for a participant's token (RFC 8693)."""

    GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"

    def run(self) -> TokenPair:
        """Exchange it."""
        check_types(self.request.payload)
        wanted = TokenExchange(
            credential=self.credential,
            subject_token=self.required("subject_token"),
            subject_is_key=self.required("subject_token_type") == API_KEY_TYPE,
            room_id=self.required("room_id"),
            participant=asked_participant(self.request.payload),
            scope=self.request.payload.scope,
            targets=[*self.request.payload.resources, *self.request.payload.audiences],
            sender=self.request.sender,
        )
        return exchange_token(wanted, self.tools)


GRANTS: tuple[type[Grant], ...] = (
    ClientCredentialsGrant,
    RefreshTokenGrant,
    TokenExchangeGrant,
    ApiKeyGrant,
    ParticipantGrant,
    PossessionRefreshGrant,
)
