"""Find out who an OAuth client is."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import api_keys, clients, tenants
from app.domain.rate_limits import Guess
from app.flows.refusals import (
    ClientKeysAwayError,
    InvalidApiKeyError,
    InvalidClientError,
    TenantSuspendedError,
)
from app.flows.steps.clients.client import Client, Credential, client_by_key
from app.flows.steps.limits.guesses import admit_key, hear_key, must_be_heard, right, wrong
from app.flows.steps.master_keys import look_at_key, renew
from app.flows.tools import Tools
from app.foundation.database import Connection, Direct
from app.foundation.identifiers import parse_id, print_id


@dataclass(frozen=True)
class Proven:
    """What an assertion proved: which tenant's client signed it, by which of the keys that were registered."""

    tenant_id: UUID
    kid: str
    registered: tenants.ClientKeys


def prove(credential: Credential, tools: Tools) -> Proven | None:
    """
    Verify an assertion and use it up, before any transaction of the story: keys may have to be fetched for it.

    Gives what it proves; None for a secret, of which only the spelling is looked at here.

    Raises:
        InvalidClientError: it proves nothing, or was used before.
        ClientKeysAwayError: the client's keys could not be fetched; nothing was used up.
        InvalidApiKeyError: the secret is not written like a key.
        RateLimitedError: too many wrong credentials came from this source, or for this client.

    Source: RFC 7523 section 3.
    """
    if credential.assertion is None:
        hear_key(credential.secret or "", credential.presented, credential.source, tools)
        return None

    assertion = clients.parse(credential.assertion)
    tenant_id = None if assertion is None else parse_id("tenant", assertion.client_id)
    name = None if tenant_id is None else print_id("tenant", tenant_id)
    guess = Guess(credential.source, name)
    must_be_heard(guess, tools)
    of_another = assertion is not None and credential.client_id not in {None, assertion.client_id}
    proven = None if assertion is None or tenant_id is None or of_another else _spend(assertion, tenant_id, tools)
    if proven is None:
        raise wrong(guess, InvalidClientError(), tools)
    right(guess, tools)
    return proven


def admit_client(
    connection: Connection | Direct,
    credential: Credential,
    proven: Proven | None,
    tools: Tools,
    *,
    now: datetime,
    hold: bool = False,
    counted: api_keys.Key | None = None,
) -> Client:
    """
    Give the client that a secret shows, or the tenant that `prove` has proven.

    Args:
        connection: of the story's transaction.
        credential: what was presented.
        proven: what `prove` gave for it.
        tools: the story's tools.
        now: aware, UTC.
        hold: keep its authority from being ended until the transaction is over.
        counted: its key, as which this use of it was counted before.

    Raises:
        InvalidApiKeyError, InvalidClientError, RateLimitedError: it is not who it claims to be.
        TenantSuspendedError: it is, but may not act.
        KeyInBrowserError, KeyElsewhereError: it is, but may not show its key from there.
    """
    if proven is not None:
        if not isinstance(connection, Connection):
            raise TypeError("what an assertion proves is looked at in a transaction")
        return _proven(connection, proven, hold=hold)

    presented = credential.presented
    if presented is None:
        raise InvalidApiKeyError
    outcome = look_at_key(connection, presented, tools, now=now, hold=hold)
    key = admit_key(outcome, presented, credential.sender, tools, counted=counted)
    outdated = isinstance(outcome, api_keys.Authenticated) and outcome.outdated
    return client_by_key(key, credential, presented if outdated else None)


def authenticate_client(credential: Credential, tools: Tools) -> Client:
    """
    Authenticate a client for a story that starts nothing which a revocation would have to find.

    Raises:
        InvalidApiKeyError, InvalidClientError, RateLimitedError, TenantSuspendedError: see `prove` and `admit_client`.
    """
    proven, now = prove(credential, tools), tools.clock.now()
    if proven is None:
        with tools.database.direct() as direct:
            client = admit_client(direct, credential, proven, tools, now=now)
    else:
        with tools.database.reading() as connection:
            client = admit_client(connection, credential, proven, tools, now=now)
    renew(client.outdated, tools)
    return client


def _spend(assertion: clients.Assertion, tenant_id: UUID, tools: Tools) -> Proven | None:
    registered = _registered(tenant_id, tools)
    if registered is None:
        return None
    now = tools.clock.now()
    verified = clients.verify(assertion, _keys(registered, assertion.kid, tools, now), tools.http.issuer, now=now)
    if verified is None:
        return None

    # Used up even if the request is refused afterwards: who saw it on the way must not get a second try.
    with tools.database.transaction() as connection:
        fresh = clients.spend(connection, tenant_id, verified, now=now)
    return Proven(tenant_id, assertion.kid, registered) if fresh else None


def _registered(tenant_id: UUID, tools: Tools) -> tenants.ClientKeys | None:
    with tools.database.reading() as connection:
        tenant = tenants.find(connection, tenant_id)
    return None if tenant is None else tenant.client_keys


def _keys(registered: tenants.ClientKeys, kid: str, tools: Tools, now: datetime) -> clients.Keys:
    if registered.jwks_uri is not None:
        published = tools.remote_keys.find(registered.jwks_uri, kid, now=now)
        if published is None:
            raise ClientKeysAwayError
        return published
    return clients.importable(registered.jwks or "") or {}


def _proven(connection: Connection, proven: Proven, *, hold: bool) -> Client:
    find = tenants.find_to_lean_on if hold else tenants.find
    tenant = find(connection, proven.tenant_id)
    # Asked again, now that nobody can change it: the key may have been withdrawn since it was used.
    if tenant is None or tenant.client_keys != proven.registered:
        raise InvalidClientError
    if tenant.suspended:
        raise TenantSuspendedError
    return Client(tenant.id, tenant.client_scopes, client_kid=proven.kid)
