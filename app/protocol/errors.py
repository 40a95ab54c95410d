"""
Refusals as OAuth errors: one table, and the only place where they become RFC 6749 section 5.2 answers.

Codes are of the closed lists of RFC 6749 section 5.2, RFC 6750 section 3.1 and RFC 8707 section 2;
`access_denied`, `temporarily_unavailable` and `server_error` are borrowed from RFC 6749 section 4.1.2.1.
"""

from authlib.oauth2 import OAuth2Error

from app.flows import refusals
from app.flows.refusals import InvalidRequestError, ServiceError

TABLE: dict[type[ServiceError], tuple[int, str]] = {
    refusals.AuthenticationRequiredError: (401, "invalid_client"),
    refusals.InvalidApiKeyError: (401, "invalid_client"),
    refusals.InvalidClientError: (401, "invalid_client"),
    refusals.TenantSuspendedError: (400, "unauthorized_client"),
    refusals.KeyElsewhereError: (400, "unauthorized_client"),
    refusals.KeyInBrowserError: (400, "unauthorized_client"),
    refusals.InvalidRefreshTokenError: (400, "invalid_grant"),
    refusals.ClientKeysAwayError: (503, "temporarily_unavailable"),
    refusals.MasterKeyAwayError: (503, "temporarily_unavailable"),
    refusals.UnauthorizedClientError: (400, "unauthorized_client"),
    refusals.InvalidScopeError: (400, "invalid_scope"),
    refusals.InvalidTargetError: (400, "invalid_target"),
    refusals.InvalidRequestError: (400, "invalid_request"),
    refusals.MalformedCredentialError: (400, "invalid_request"),
    refusals.MalformedJsonError: (400, "invalid_request"),
    refusals.InvalidAccessTokenError: (401, "invalid_token"),
    refusals.AccessTokenExpiredError: (401, "invalid_token"),
    refusals.InsufficientScopeError: (403, "insufficient_scope"),
    refusals.ForbiddenError: (403, "access_denied"),
    refusals.KeyNotActiveError: (400, "invalid_request"),
    refusals.IdempotencyKeyReusedError: (409, "invalid_request"),
    refusals.UnsafeKeyStepError: (409, "invalid_request"),
    refusals.RoomEndedError: (400, "invalid_grant"),
    refusals.RoomFullError: (400, "invalid_grant"),
    refusals.ParticipantRemovedError: (400, "invalid_grant"),
    refusals.ParticipantBannedError: (400, "invalid_grant"),
    refusals.RoomLimitError: (409, "invalid_request"),
    refusals.NotFoundError: (404, "invalid_request"),
    refusals.MethodNotAllowedError: (405, "invalid_request"),
    refusals.RateLimitedError: (429, "temporarily_unavailable"),
    refusals.QuotaSpentError: (429, "temporarily_unavailable"),
    refusals.PayloadTooLargeError: (413, "invalid_request"),
    refusals.UnsupportedMediaTypeError: (415, "invalid_request"),
    refusals.DatabaseAwayError: (503, "temporarily_unavailable"),
    refusals.InternalError: (500, "server_error"),
}


def describe(error: ServiceError) -> tuple[int, dict[str, str]]:
    """Give the status and the body; the description is made of words of ours and nothing of the request."""
    status, code = TABLE[type(error)]
    description = error.public
    if isinstance(error, InvalidRequestError):
        description = f"{error.field} {error.problem}"
    if isinstance(error, refusals.UnsupportedMediaTypeError):
        description = f"The body must be {error.wanted}"
    if isinstance(error, refusals.InvalidApiKeyError):
        # To an OAuth client the key is its secret, and a wrong one fails like every other way of not being a client.
        description = refusals.InvalidClientError.public
    return status, {"error": code, "error_description": description}


def describe_authlib(error: OAuth2Error) -> tuple[int, dict[str, str]]:
    """Give the status and the body of what Authlib itself refuses, in our words."""
    if error.error == "invalid_client":
        return describe(refusals.InvalidClientError())
    return 400, {"error": error.error, "error_description": "The grant type is missing or not supported"}
