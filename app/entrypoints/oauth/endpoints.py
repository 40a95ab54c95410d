"""POST /oauth/token, /oauth/revoke, /oauth/introspect."""

from typing import Any

from flask import Response, g, request
from msgspec import UNSET

from app.entrypoints.headers import no_store
from app.entrypoints.oauth.bodies import (
    IfRefresh,
    IntrospectionAnswer,
    PresentedTokenForm,
    RevocationAnswer,
    TokenAnswer,
    TokenForm,
    encode,
)
from app.entrypoints.oauth.errors import plain
from app.entrypoints.operations import BODY, CLIENT, FORM, Operation, describes
from app.entrypoints.wiring import Visit, body, carried, wired
from app.flows import refusals
from app.flows.refusals import UnsupportedMediaTypeError
from app.flows.results import TokenPair
from app.protocol.exchange import ACCESS_TOKEN_TYPE
from app.protocol.requests import Parameters, read_form
from app.protocol.server import Answer

_GRANTS = (
    refusals.InvalidScopeError,
    refusals.InvalidTargetError,
    refusals.InvalidRefreshTokenError,
    refusals.UnauthorizedClientError,
    refusals.RoomEndedError,
    refusals.RoomFullError,
    refusals.ParticipantRemovedError,
    refusals.ParticipantBannedError,
)


@describes(
    Operation(
        form=TokenForm,
        answers={200: TokenAnswer},
        refuses=(*BODY, *CLIENT, *_GRANTS),
        headers={"Idempotency-Key": IfRefresh},
        security="client",
    )
)
def token() -> Response:
    """Issue tokens (RFC 6749 section 3.2)."""
    return _token_answer(wired().server.token(_form(), carried()), g)


def token_at_once(body: bytes, visit: Visit) -> Response:
    """Issue tokens."""
    return _token_answer(visit.wiring.server.token(read_form(body), visit.carried), visit)


def _token_answer(answer: Answer, state: Any) -> Response:
    if not isinstance(answer, TokenPair):
        return plain(*answer)

    state.key_rotating_until = answer.key_rotating_until
    pair = TokenAnswer(
        access_token=answer.access_token,
        token_type="Bearer",  # noqa: S106  a type, not a secret
        expires_in=answer.expires_in,
        scope=answer.scope,
        refresh_token=UNSET if answer.refresh_token is None else answer.refresh_token,
        issued_token_type=ACCESS_TOKEN_TYPE if answer.exchanged else UNSET,
    )
    response = Response(encode(pair), content_type="application/json")
    no_store(response.headers)
    return response


@describes(
    Operation(form=PresentedTokenForm, answers={200: RevocationAnswer}, refuses=(*BODY, *CLIENT), security="client")
)
def revoke() -> Response:
    """End the session of a token of this client; 200 whatever was presented (RFC 7009)."""
    return _plain(wired().server.revoke(_form(), carried()))


@describes(
    Operation(form=PresentedTokenForm, answers={200: IntrospectionAnswer}, refuses=(*BODY, *CLIENT), security="client")
)
def introspect() -> Response:
    """Tell whether a token is alive, and what it says (RFC 7662)."""
    return _plain(wired().server.introspect(_form(), carried()))


def _form() -> Parameters:
    if request.mimetype != FORM:
        raise UnsupportedMediaTypeError(FORM)
    return read_form(body())


def _plain(answer: Answer) -> Response:
    if isinstance(answer, TokenPair):
        raise TypeError("only the token endpoint gives a pair")
    return plain(*answer)
