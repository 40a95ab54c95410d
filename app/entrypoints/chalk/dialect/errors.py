"""Refusals in Chalk JSON: one table, and the only place where they become statuses and codes of this dialect."""

from flask import Response, g

from app.entrypoints.chalk.dialect.bodies import Detail, ErrorBody, ErrorContent, encode
from app.entrypoints.headers import come_back
from app.entrypoints.wiring import wired
from app.flows import refusals
from app.flows.refusals import ServiceError
from app.protocol import bearer

TABLE: dict[type[ServiceError], tuple[int, str]] = {
    refusals.AuthenticationRequiredError: (401, "UNAUTHORIZED"),
    refusals.InvalidApiKeyError: (401, "UNAUTHORIZED"),
    refusals.InvalidClientError: (401, "UNAUTHORIZED"),
    refusals.InvalidAccessTokenError: (401, "UNAUTHORIZED"),
    refusals.AccessTokenExpiredError: (401, "TOKEN_EXPIRED"),
    refusals.InvalidRefreshTokenError: (401, "INVALID_REFRESH_TOKEN"),
    refusals.InvalidRequestError: (400, "VALIDATION_ERROR"),
    refusals.InvalidScopeError: (400, "VALIDATION_ERROR"),
    refusals.InvalidTargetError: (400, "VALIDATION_ERROR"),
    refusals.MalformedCredentialError: (400, "VALIDATION_ERROR"),
    refusals.MalformedJsonError: (400, "MALFORMED_JSON"),
    refusals.ForbiddenError: (403, "FORBIDDEN"),
    refusals.InsufficientScopeError: (403, "FORBIDDEN"),
    refusals.ClientKeysAwayError: (503, "SERVICE_UNAVAILABLE"),
    refusals.MasterKeyAwayError: (503, "SERVICE_UNAVAILABLE"),
    refusals.UnauthorizedClientError: (403, "FORBIDDEN"),
    refusals.KeyElsewhereError: (403, "FORBIDDEN"),
    refusals.KeyInBrowserError: (403, "FORBIDDEN"),
    refusals.TenantSuspendedError: (403, "TENANT_SUSPENDED"),
    refusals.NotFoundError: (404, "NOT_FOUND"),
    refusals.MethodNotAllowedError: (405, "METHOD_NOT_ALLOWED"),
    refusals.KeyNotActiveError: (409, "KEY_NOT_ACTIVE"),
    refusals.IdempotencyKeyReusedError: (409, "IDEMPOTENCY_KEY_REUSED"),
    refusals.UnsafeKeyStepError: (409, "CONFLICT"),
    refusals.RoomEndedError: (409, "ROOM_ENDED"),
    refusals.RoomFullError: (409, "ROOM_FULL"),
    refusals.ParticipantRemovedError: (409, "CONFLICT"),
    refusals.ParticipantBannedError: (403, "FORBIDDEN"),
    refusals.RateLimitedError: (429, "RATE_LIMITED"),
    refusals.QuotaSpentError: (429, "RATE_LIMITED"),
    refusals.RoomLimitError: (409, "CONFLICT"),
    refusals.PayloadTooLargeError: (413, "PAYLOAD_TOO_LARGE"),
    refusals.UnsupportedMediaTypeError: (415, "UNSUPPORTED_MEDIA_TYPE"),
    refusals.InternalError: (500, "INTERNAL_ERROR"),
    refusals.DatabaseAwayError: (503, "SERVICE_UNAVAILABLE"),
}

_DETAILS = {
    refusals.InvalidTargetError: Detail("resource", refusals.InvalidTargetError.public),
    refusals.MalformedCredentialError: Detail("Authorization", refusals.MalformedCredentialError.public),
}


def refuse(error: ServiceError) -> Response:
    """Answer with a refusal: its status, its code, its sentence, and a challenge with every 401."""
    of_bearer = bearer.challenge(error, wired().resource_metadata_url) if g.takes_bearer else None
    return _refuse(error, of_bearer)


def refuse_key(error: ServiceError) -> Response:
    """Answer with a refusal where no access token is taken."""
    return _refuse(error, None)


def _refuse(error: ServiceError, of_bearer: str | None) -> Response:
    status, _ = TABLE[type(error)]
    response = Response(encode(ErrorBody(content_of(error))), status, content_type="application/json")
    for challenge in _challenges(error, status, of_bearer):
        response.headers.add("WWW-Authenticate", challenge)
    if isinstance(error, refusals.MethodNotAllowedError):
        response.headers["Allow"] = error.allowed
    come_back(response.headers, error, status)
    return response


def content_of(error: ServiceError) -> ErrorContent:
    """Say a refusal: its code, its sentence, and for a wrong field which and why."""
    _, code = TABLE[type(error)]
    if code == "VALIDATION_ERROR":
        return ErrorContent(code=code, message=_message(error), details=[_detail(error)])
    return ErrorContent(code=code, message=_message(error))


def _message(error: ServiceError) -> str:
    if isinstance(error, refusals.UnsupportedMediaTypeError):
        return f"{error.public}: the body must be {error.wanted}"
    return error.public


def _detail(error: ServiceError) -> Detail:
    if isinstance(error, refusals.InvalidRequestError):
        return Detail(error.field, error.problem)
    if isinstance(error, refusals.InvalidScopeError):
        return Detail(error.field, error.public)
    return _DETAILS[type(error)]


def _challenges(error: ServiceError, status: int, of_bearer: str | None) -> list[str]:
    # A resource that takes either credential says so, to a client that presented none.
    if of_bearer is not None and not isinstance(error, refusals.AuthenticationRequiredError):
        return [of_bearer]
    of_key = ['ApiKey realm="chalk"'] if status == 401 else []
    return of_key if of_bearer is None else [of_bearer, *of_key]
