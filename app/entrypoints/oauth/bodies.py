"""Every form and answer of the dialect; parameters are those of the RFCs, and unknown ones are ignored."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Scope = Annotated[str, Meta(description="Space-separated, in any order (RFC 6749 section 3.3).")]
# Looked at beside an assertion only.
AssertionType = Annotated[str, Meta(examples=["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"])]
# An empty parameter counts as absent (RFC 6749 section 3.2).
Present = Annotated[str, Meta(min_length=1)]
# One endpoint for all grants: the others do not look at it.
IfRefresh = Annotated[
    str, Meta(description="New for each refresh, which alone looks at it: 16 to 255 printable ASCII characters.")
]


class ClientForm(Struct, frozen=True, kw_only=True):
    """How a client authenticates in a form, in one way; `Authorization: Basic` may stand in place of it."""

    client_id: str | UnsetType = UNSET
    client_secret: str | UnsetType = UNSET
    client_assertion_type: AssertionType | UnsetType = UNSET
    client_assertion: str | UnsetType = UNSET


class ClientCredentialsForm(ClientForm, frozen=True, kw_only=True, tag_field="grant_type", tag="client_credentials"):
    """POST /oauth/token by a client in its own name (RFC 6749 section 4.4.2, RFC 8707)."""

    scope: Scope | UnsetType = UNSET
    resource: str | UnsetType = UNSET


class RefreshForm(ClientForm, frozen=True, kw_only=True, tag_field="grant_type", tag="refresh_token"):
    """POST /oauth/token for the next pair (RFC 6749 section 6, RFC 8707)."""

    refresh_token: Present
    scope: Scope | UnsetType = UNSET
    resource: str | UnsetType = UNSET


class TokenExchangeForm(
    ClientForm,
    frozen=True,
    kw_only=True,
    tag_field="grant_type",
    tag="urn:ietf:params:oauth:grant-type:token-exchange",
):
    """
    POST /oauth/token for a participant's token (RFC 8693 section 2.1): of one by `participant_id`, or of someone who
    is admitted by `display_name`, and with `external_user_id` only once.
    """

    subject_token: Present
    subject_token_type: Literal[
        "urn:ietf:params:oauth:token-type:access_token", "urn:chalk:params:oauth:token-type:api-key"
    ]
    room_id: Present
    participant_id: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    external_user_id: str | UnsetType = UNSET
    role: Literal["host", "participant", "viewer"] | UnsetType = UNSET
    requested_token_type: Literal["urn:ietf:params:oauth:token-type:access_token"] | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    resource: str | UnsetType = UNSET
    audience: str | UnsetType = UNSET


TokenForm = ClientCredentialsForm | RefreshForm | TokenExchangeForm


class PresentedTokenForm(ClientForm, frozen=True, kw_only=True):
    """POST /oauth/revoke and /oauth/introspect (RFC 7009 section 2.1, RFC 7662 section 2.1)."""

    token: Present
    token_type_hint: str | UnsetType = UNSET


class TokenAnswer(Struct, frozen=True):
    """The answer of the token endpoint (RFC 6749 section 5.1, RFC 8693 section 2.2.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | UnsetType = UNSET
    issued_token_type: str | UnsetType = UNSET


class IntrospectionAnswer(Struct, frozen=True):
    """What a token says, if `active`; otherwise that member alone (RFC 7662 section 2.2)."""

    active: bool
    token_type: Literal["Bearer"] | UnsetType = UNSET
    iss: str | UnsetType = UNSET
    aud: str | UnsetType = UNSET
    sub: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    iat: int | UnsetType = UNSET
    exp: int | UnsetType = UNSET
    jti: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    sid: str | UnsetType = UNSET
    tenant_id: str | UnsetType = UNSET
    key_id: str | UnsetType = UNSET
    room_id: str | UnsetType = UNSET
    participant_id: str | UnsetType = UNSET
    role: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    mode: Literal["test"] | UnsetType = UNSET


class RevocationAnswer(Struct, frozen=True):
    """Nothing is said of what was presented."""


class ErrorAnswer(Struct, frozen=True):
    """A refusal (RFC 6749 section 5.2)."""

    error: str
    error_description: str


class Jwk(Struct, frozen=True):
    """A public key (RFC 7517 section 4, RFC 7518 sections 6.2 and 6.3, RFC 8037)."""

    kty: str
    kid: str
    use: str
    alg: str
    n: str | UnsetType = UNSET
    e: str | UnsetType = UNSET
    crv: str | UnsetType = UNSET
    x: str | UnsetType = UNSET
    y: str | UnsetType = UNSET


class JwksAnswer(Struct, frozen=True):
    """The published keys (RFC 7517 section 5)."""

    keys: list[Jwk]


class ServerMetadata(Struct, frozen=True):
    """RFC 8414 section 2."""

    issuer: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    jwks_uri: str
    grant_types_supported: list[str]
    scopes_supported: list[str]
    service_documentation: str
    protected_resources: list[str]


class ResourceMetadata(Struct, frozen=True):
    """RFC 9728 section 2."""

    resource: str
    authorization_servers: list[str]
    scopes_supported: list[str]
    bearer_methods_supported: list[str]
    resource_name: str
    resource_documentation: str


def encode(body: Struct) -> bytes:
    """Print a body as JSON."""
    return msgspec.json.encode(body)
