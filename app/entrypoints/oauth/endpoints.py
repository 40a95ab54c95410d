"""POST /oauth/token, /oauth/revoke, /oauth/introspect."""

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
from app.entrypoints.wiring import Reply, Visit, body, carried, wired
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
    answer = wired().server.token(_form(), carried())
    if not isinstance(answer, TokenPair):
        return plain(*answer)
    g.key_rotating_until = answer.key_rotating_until
    response = Response(_printed(answer), content_type="application/json")
    no_store(response.headers)
    return response


def token_at_once(body: bytes, visit: Visit) -> Response | Reply:
    """Issue tokens."""
    answer = visit.wiring.server.token(read_form(body), visit.carried)
    if not isinstance(answer, TokenPair):
        return plain(*answer)
    visit.key_rotating_until = answer.key_rotating_until
    return Reply.with_secret(_printed(answer))


def _printed(pair: TokenPair) -> bytes:
    return encode(
        TokenAnswer(
            access_token=pair.access_token,
            token_type="Bearer",  # noqa: S106  a type, not a secret
            expires_in=pair.expires_in,
            scope=pair.scope,
            refresh_token=UNSET if pair.refresh_token is None else pair.refresh_token,
            issued_token_type=ACCESS_TOKEN_TYPE if pair.exchanged else UNSET,
        )
    )


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
