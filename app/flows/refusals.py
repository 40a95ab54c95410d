"""
Every refusal there is, drawn as a tree. A test counts them here, in both tables of the doors and in docs/errors.md.

    ServiceError
    ├── AuthenticationRequiredError      nothing was presented
    ├── InvalidApiKeyError               a key, but not one that works
    ├── InvalidAccessTokenError          a JWT, but not one that we minted for us, or it was revoked
    ├── AccessTokenExpiredError          it was good
    ├── InvalidRefreshTokenError         unknown, expired, spent or revoked: callers may not learn which
    ├── InvalidClientError               the client cannot be authenticated by what the request carries
    ├── ClientKeysAwayError              the client's own keys could not be fetched; try again
    ├── MasterKeyAwayError               this host lacks the master key that it hangs on; an operator must help
    ├── UnauthorizedClientError          right client, but one that may have no tokens
    ├── InvalidScopeError                more was asked than is held
    ├── InvalidTargetError               a resource that tokens are not issued for
    ├── InsufficientScopeError           the token lacks the scope that this needs
    ├── ForbiddenError                   right credential, wrong kind
    ├── KeyElsewhereError                right key, from an address that it may not be used from
    ├── KeyInBrowserError                right key, from a browser, which its owner does not allow
    ├── TenantSuspendedError             right credential, paused by the operator
    ├── NotFoundError                    missing, or someone else's
    ├── KeyNotActiveError                the key was replaced meanwhile
    ├── IdempotencyKeyReusedError        the Idempotency-Key belongs to another request
    ├── UnsafeKeyStepError               a step of a signing key would break verifiers; says when it is safe
    ├── RoomEndedError                   the room is over
    ├── RoomFullError                    the room has as many participants as it may have
    ├── ParticipantRemovedError          the participant is in the room no longer
    ├── ParticipantBannedError           they were removed, and may not come back
    ├── RoomLimitError                   the tenant has as many open rooms as it may have
    ├── InvalidRequestError              a field is wrong; says which
    ├── RateLimitedError                 too many wrong credentials; says when to come back
    │   └── QuotaSpentError              right credential, used too often; likewise
    ├── MalformedCredentialError         the Authorization header cannot be read
    ├── MalformedJsonError               the body is not JSON
    ├── MethodNotAllowedError
    ├── PayloadTooLargeError
    ├── UnsupportedMediaTypeError        the body is in another format; says which is wanted
    ├── DatabaseAwayError                try again (foundation)
    └── InternalError                    a bug of ours
"""

from datetime import datetime

from app.foundation.errors import DatabaseAwayError, ServiceError

__all__ = [
    "AccessTokenExpiredError",
    "AuthenticationRequiredError",
    "ClientKeysAwayError",
    "DatabaseAwayError",
    "ForbiddenError",
    "IdempotencyKeyReusedError",
    "InsufficientScopeError",
    "InternalError",
    "InvalidAccessTokenError",
    "InvalidApiKeyError",
    "InvalidClientError",
    "InvalidRefreshTokenError",
    "InvalidRequestError",
    "InvalidScopeError",
    "InvalidTargetError",
    "KeyElsewhereError",
    "KeyInBrowserError",
    "KeyNotActiveError",
    "MalformedCredentialError",
    "MalformedJsonError",
    "MasterKeyAwayError",
    "MethodNotAllowedError",
    "NotFoundError",
    "ParticipantBannedError",
    "ParticipantRemovedError",
    "PayloadTooLargeError",
    "QuotaSpentError",
    "RateLimitedError",
    "RoomEndedError",
    "RoomFullError",
    "RoomLimitError",
    "ServiceError",
    "TenantSuspendedError",
    "UnauthorizedClientError",
    "UnsafeKeyStepError",
    "UnsupportedMediaTypeError",
]


class AuthenticationRequiredError(ServiceError):
    """The request carries no credential at all."""

    code = "authentication_required"
    public = "Authentication required"


class InvalidApiKeyError(ServiceError):
    """The key is unknown, malformed, revoked or expired; callers may not learn which."""

    code = "invalid_api_key"
    public = "Invalid API key"


class InvalidAccessTokenError(ServiceError):
    """The access token is not one of ours for this audience, or its session was revoked."""

    code = "invalid_access_token"
    public = "Invalid access token"


class AccessTokenExpiredError(ServiceError):
    """The access token was good; the client should refresh."""

    code = "access_token_expired"
    public = "Access token has expired"


class InvalidRefreshTokenError(ServiceError):
    """The refresh token is unknown, expired, spent or revoked; callers may not learn which."""

    code = "invalid_refresh_token"
    public = "Refresh token is invalid or expired"


class InvalidClientError(ServiceError):
    """No client can be authenticated: nothing was presented, or it cannot be read (RFC 6749 section 5.2)."""

    code = "invalid_client"
    public = "Client authentication failed"


class ClientKeysAwayError(ServiceError):
    """The host at the client's `jwks_uri` has not answered (yet), and nothing older is known; try again."""

    code = "client_keys_away"
    public = "The keys of the client cannot be fetched"


class MasterKeyAwayError(ServiceError):
    """A credential hangs on a master key that this host does not have; the log names it. It may be right."""

    code = "master_key_away"
    public = "The service is temporarily unavailable"


class UnauthorizedClientError(ServiceError):
    """The client is who it says, and may have no tokens: operators and resource servers (RFC 6749 section 5.2)."""

    code = "unauthorized_client"
    public = "This client may not be issued tokens"


class InvalidScopeError(ServiceError):
    """A scope was asked for that does not exist, or that the credential does not hold; `field` is where it stands."""

    code = "invalid_scope"
    public = "The requested scope exceeds what this credential may grant"

    def __init__(self, field: str = "scope") -> None:
        super().__init__()
        self.field = field


class InvalidTargetError(ServiceError):
    """A token was asked for a resource that is not configured, not the session's, or not a single one (RFC 8707)."""

    code = "invalid_target"
    public = "The requested resource is not one that a token can be issued for"


class InsufficientScopeError(ServiceError):
    """The key or token lacks a scope; `scope` is the one that is needed (RFC 6750 section 3.1)."""

    code = "insufficient_scope"
    public = "The credential does not have the scope that this request needs"

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope


class ForbiddenError(ServiceError):
    """The credential is right, but of a kind that may not do this."""

    code = "forbidden"
    public = "This credential may not do this"


class KeyElsewhereError(ServiceError):
    """The key is right, and its owner lets it be used from other networks alone."""

    code = "key_elsewhere"
    public = "This API key may not be used from this address"


class KeyInBrowserError(ServiceError):
    """The key is right, and a browser sent it, so it stands in a page that others can read; its owner is told."""

    code = "key_in_browser"
    public = "This API key was sent by a browser, where anyone can read it; send it from a server"


class TenantSuspendedError(ServiceError):
    """The operator has paused the tenant."""

    code = "tenant_suspended"
    public = "The tenant is suspended"


class NotFoundError(ServiceError):
    """The thing is missing, or it is someone else's; callers may not learn which."""

    code = "not_found"
    public = "Not found"


class KeyNotActiveError(ServiceError):
    """The key has been replaced by another rotation; the winner's answer holds its successor."""

    code = "key_not_active"
    public = "The API key has already been rotated"


class IdempotencyKeyReusedError(ServiceError):
    """The Idempotency-Key came before, with another body."""

    code = "idempotency_key_reused"
    public = "The Idempotency-Key was used for another request"


class UnsafeKeyStepError(ServiceError):
    """A step would leave verifiers with tokens that they cannot verify; from `safe_at` on it will not."""

    code = "unsafe_key_step"
    public = "This step of the signing keys is not safe now"

    def __init__(self, why: str, safe_at: datetime | None = None) -> None:
        super().__init__()
        self.why = why
        self.safe_at = safe_at


class RoomEndedError(ServiceError):
    """The room has ended; nothing can be bound to it any more."""

    code = "room_ended"
    public = "The room has ended"


class RoomFullError(ServiceError):
    """The room has as many participants as the tenant's limit allows; one must leave before another is admitted."""

    code = "room_full"
    public = "The room is full"


class ParticipantRemovedError(ServiceError):
    """The participant was removed from the room; who is admitted again may have tokens again."""

    code = "participant_removed"
    public = "The participant was removed from the room"


class ParticipantBannedError(ServiceError):
    """The participant was banned from the room, and is not admitted until that is taken back."""

    code = "participant_banned"
    public = "The participant is banned from the room"


class RoomLimitError(ServiceError):
    """The tenant has as many open rooms as its limit allows; one must end before another is opened."""

    code = "room_limit"
    public = "The tenant has as many open rooms as it may have"


class InvalidRequestError(ServiceError):
    """A field, parameter or header does not say what it must; `field` is its name, `problem` what is wanted."""

    code = "invalid_request"
    public = "The request is invalid"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__()
        self.args = (f"{field} {problem}",)
        self.field = field
        self.problem = problem


class RateLimitedError(ServiceError):
    """
    Too many wrong credentials from this source, or for this key or client; it was not looked at, or was wrong again.

    Args:
        policy: which limit.
        quota: how many it allows in `window_seconds`.
        window_seconds: see there.
        retry_after_seconds: when it allows the next.
    """

    code = "rate_limited"
    public = "Too many failed attempts"

    def __init__(self, policy: str, quota: int, window_seconds: int, retry_after_seconds: int) -> None:
        super().__init__()
        self.policy = policy
        self.quota = quota
        self.window_seconds = window_seconds
        self.retry_after_seconds = retry_after_seconds


class QuotaSpentError(RateLimitedError):
    """The key was used, or tokens were asked for, too often in this minute; what was presented is as good as before."""

    code = "quota_spent"
    public = "Too many requests"


class MalformedCredentialError(ServiceError):
    """The Authorization header cannot be read, or a second credential stands beside it."""

    code = "malformed_credential"
    public = "The credentials of the request are malformed"


class MalformedJsonError(ServiceError):
    """The body is not JSON."""

    code = "malformed_json"
    public = "The request body is not valid JSON"


class MethodNotAllowedError(ServiceError):
    """The resource exists and has other methods; `allowed` lists them."""

    code = "method_not_allowed"
    public = "Method not allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__()
        self.allowed = allowed


class PayloadTooLargeError(ServiceError):
    """The body is longer than the server reads."""

    code = "payload_too_large"
    public = "The request body is too large"


class UnsupportedMediaTypeError(ServiceError):
    """The body is not in the format that this resource reads; `wanted` is the one that it does."""

    code = "unsupported_media_type"
    public = "Unsupported content type"

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted


class InternalError(ServiceError):
    """A bug of ours; the log has it under the request id."""

    code = "internal_error"
    public = "Internal error"
