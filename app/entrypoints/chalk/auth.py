"""POST /auth/token, /auth/refresh, /auth/revoke: the seed's token endpoints."""

import dataclasses

from flask import Blueprint, Response, g
from msgspec import UNSET, Struct

from app.entrypoints.chalk.dialect.bodies import Data, ExchangeRequest, RefreshRequest, TokenBody, encode
from app.entrypoints.chalk.dialect.envelope import answer, decode, read
from app.entrypoints.chalk.dialect.once import ONCE, answer_once
from app.entrypoints.operations import BODY, REPEATABLE, IdempotencyKey, Operation, describes
from app.entrypoints.wiring import Reply, Visit, carried, sender, wired
from app.flows import refusals
from app.flows.refusals import InvalidRequestError
from app.flows.results import Once, TokenPair
from app.flows.revoke_token import revoke_token
from app.protocol.requests import Transport

_LIMITED = (refusals.RateLimitedError, refusals.QuotaSpentError)
_EXCHANGE = (
    refusals.MalformedJsonError,
    refusals.InvalidApiKeyError,
    *_LIMITED,
    refusals.KeyElsewhereError,
    refusals.KeyInBrowserError,
    refusals.TenantSuspendedError,
    refusals.NotFoundError,
    refusals.RoomEndedError,
    refusals.InvalidScopeError,
    refusals.InsufficientScopeError,
    refusals.RoomFullError,
    refusals.ParticipantRemovedError,
    refusals.ParticipantBannedError,
)

routes = Blueprint("auth", __name__, url_prefix="/auth")


@routes.post("/token")
@describes(
    Operation(
        json=ExchangeRequest,
        answers={200: Data[TokenBody]},
        refuses=(*BODY, *_EXCHANGE, *ONCE),
        headers=REPEATABLE,
    )
)
def token() -> Response:
    """Exchange an API key for a token pair: of the tenant, or of a participant of a room."""
    asked = read(ExchangeRequest)
    fields = _fields(asked)
    if asked.participant is UNSET:
        return answer_once(
            lambda once: _told(wired().server.exchange(fields, _carried(once))), _token_body, secret=True
        )

    if asked.room_id is UNSET:
        raise InvalidRequestError("room_id", "is required with a participant")
    who = _given(asked.participant, "id", "display_name", "external_user_id", "role")
    if "id" in who:
        who["participant_id"] = who.pop("id")
    return answer_once(
        lambda once: _told(wired().server.exchange_for_participant({**fields, **who}, _carried(once))),
        _token_body,
        secret=True,
    )


@routes.post("/refresh")
@describes(
    Operation(
        json=RefreshRequest,
        answers={200: Data[TokenBody]},
        refuses=(*BODY, refusals.MalformedJsonError, refusals.InvalidRefreshTokenError, *_LIMITED),
        headers={"Idempotency-Key": IdempotencyKey},
    )
)
def refresh() -> Response:
    """Exchange a refresh token for the next pair."""
    asked = read(RefreshRequest)
    return answer(_token_body(_told(wired().server.refresh(asked.refresh_token, carried()))), secret=True)


def exchange_at_once(body: bytes, visit: Visit) -> Reply | None:
    """Exchange an API key for the tenant's own tokens; no reply is kept."""
    if "Idempotency-Key" in visit.headers:
        return None
    asked = decode(ExchangeRequest, body)
    if asked.participant is not UNSET:
        return None
    pair = visit.wiring.server.exchange(_fields(asked), visit.carried)
    visit.key_rotating_until = pair.key_rotating_until
    return Reply.with_secret(encode(Data(_token_body(pair))))


def refresh_at_once(body: bytes, visit: Visit) -> Reply:
    """Exchange a refresh token for the next pair."""
    pair = visit.wiring.server.refresh(decode(RefreshRequest, body).refresh_token, visit.carried)
    return Reply.with_secret(encode(Data(_token_body(pair))))


@routes.post("/revoke")
@describes(Operation(json=RefreshRequest, answers={204: None}, refuses=(*BODY, refusals.MalformedJsonError)))
def revoke() -> Response:
    """End the session of a refresh token; 204 whatever was presented (RFC 7009 section 2.2)."""
    revoke_token(read(RefreshRequest).refresh_token, None, wired().tools, sender=sender())
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def _fields(asked: ExchangeRequest) -> dict[str, str]:
    return {"api_key": asked.api_key, **_given(asked, "room_id", "scope", "expires_in")}


def _given(asked: Struct, *names: str) -> dict[str, str]:
    values = {name: getattr(asked, name) for name in names}
    return {name: str(value) for name, value in values.items() if value is not UNSET}


def _carried(once: Once[TokenPair] | None) -> Transport:
    return dataclasses.replace(carried(), once=once)


def _told(pair: TokenPair) -> TokenPair:
    g.key_rotating_until = pair.key_rotating_until
    return pair


def _token_body(pair: TokenPair) -> TokenBody:
    if pair.refresh_token is None:
        raise TypeError("Chalk JSON promises a refresh token")
    return TokenBody(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        token_type="Bearer",  # noqa: S106  a type, not a secret
        expires_in=pair.expires_in,
    )
