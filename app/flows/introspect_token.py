"""A token in; what it says out, if it is alive and the caller may know."""

from typing import Any

import msgspec

from app.domain import access_tokens, api_keys, refresh_tokens
from app.flows import steps
from app.flows.refusals import QuotaSpentError
from app.flows.tools import Tools
from app.foundation.database import asking
from app.foundation.identifiers import print_id

Facts = dict[str, Any]

_ask = asking(steps.held, api_keys.still_stands)


def introspect_token(presented: str, credential: steps.Credential, tools: Tools) -> Facts | None:
    """
    Tell what a token says; None when it is not alive, not ours, or none of the caller's business.

    A tenant's client sees the tokens of the tenant, by a test key those of test keys and by another one the others; a
    resource server the access tokens of its audience, and which of them are of test keys.

    Args:
        presented: an access or a refresh token; untrusted, never stored, never logged.
        credential: what the caller shows.
        tools: the story's tools.

    Raises:
        InvalidApiKeyError, InvalidClientError, TenantSuspendedError: the caller is not who it claims, or may not act.
        RateLimitedError: too many wrong credentials came from this source, or for this client.

    Source: RFC 7662 section 2.
    """
    known = _by_a_known_key(presented, credential, tools)
    if known is not None:
        return _facts(known[0], alive=known[1])

    caller = steps.authenticate_client(credential, tools)
    steps.remember_client(caller, credential, tools)
    token = steps.verify(presented, tools)
    if isinstance(token, access_tokens.Verified):
        return _access_token(token, caller, tools)
    return _refresh_token(presented, caller, tools)


def _by_a_known_key(
    presented: str, credential: steps.Credential, tools: Tools
) -> tuple[access_tokens.Verified, bool] | None:
    # The usual case is one statement: whether the token holds, and whether the key that asks is as it was when it was
    # read last. None refuses nobody: whatever else there is, is looked at.
    now = tools.clock.now()
    client = steps.recall_client(credential, tools, now=now, resource_servers=True)
    if client is None or credential.assertion is not None:
        return None
    steps.prove(credential, tools)
    token = steps.verify(presented, tools)
    if not isinstance(token, access_tokens.Verified) or not _may_know(client, token):
        return None
    try:
        steps.admit_recalled(client, credential, tools)
    except QuotaSpentError:
        return None
    with tools.database.direct() as direct:
        scope, stands = _ask(direct, {**steps.claimed(token, now=now), **client.standing})
    if not stands:
        steps.forget_client(client, tools)
        return None
    steps.note_recalled(client, credential, tools)
    return token, steps.upholds(scope, token)


def _access_token(token: access_tokens.Verified, caller: steps.Client, tools: Tools) -> Facts | None:
    if not _may_know(caller, token):
        return None
    with tools.database.direct() as direct:
        alive = steps.is_alive(direct, token, now=tools.clock.now())
    return _facts(token, alive=alive)


def _may_know(caller: steps.Client, token: access_tokens.Verified) -> bool:
    claims = token.claims
    of_its_tenant = caller.tenant_id is not None and claims.tenant_id == print_id("tenant", caller.tenant_id)
    its_own = of_its_tenant and steps.mode_of(claims) == caller.mode
    return its_own or claims.aud == caller.audience


def _facts(token: access_tokens.Verified, *, alive: bool) -> Facts | None:
    return {"active": True, "token_type": "Bearer", **msgspec.to_builtins(token.claims)} if alive else None


def _refresh_token(presented: str, caller: steps.Client, tools: Tools) -> Facts | None:
    parsed = steps.read_refresh_token(presented, tools)
    if parsed is None or caller.tenant_id is None:
        return None

    with tools.database.direct() as direct:
        family = refresh_tokens.find(direct, parsed.family_id)
    if family is None or not caller.owns(family):
        return None
    now = tools.clock.now()
    if family.generation != parsed.generation or not family.lives_at(now) or parsed.expires_at <= now.timestamp():
        return None
    return {
        "active": True,
        "iss": tools.http.issuer,
        "client_id": print_id("tenant", family.tenant_id),
        "sub": family.subject,
        "scope": family.scope,
        "sid": refresh_tokens.session_name(family.id),
        "iat": int(family.rotated_at.timestamp()),
        "exp": parsed.expires_at,
        **({} if family.mode == "live" else {"mode": family.mode}),
    }
