"""Who an OAuth client is."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import api_keys, clients, tenants
from app.flows.refusals import ClientKeysAwayError, InvalidApiKeyError, InvalidClientError, TenantSuspendedError
from app.flows.tools import Tools
from app.foundation.database import Connection
from app.foundation.identifiers import parse_id, print_id


@dataclass(frozen=True)
class Credential:
    """
    What a client presents; untrusted, never stored, never logged.

    Args:
        client_id: who it claims to be; None where the key or the assertion alone says it.
        secret: an API key.
        assertion: a JWT of RFC 7523, instead of a secret.
    """

    client_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Client:
    """
    A client that was authenticated.

    A tenant's has the tenant and what it may ask for; a resource server has the audience that it stands for.
    """

    tenant_id: UUID | None
    scopes: str
    key_id: str | None = None
    client_kid: str | None = None
    audience: str | None = None
    key_rotating_until: datetime | None = None


def read_key(presented: str) -> api_keys.PresentedKey:
    """
    Read a string as an API key, before the database is asked: typing errors and noise cost nothing, and hold up nobody.

    Raises:
        InvalidApiKeyError: it is not written like one.
    """
    parsed = api_keys.parse(presented)
    if parsed is None:
        raise InvalidApiKeyError
    return parsed


def admit_key(outcome: api_keys.Authenticated | api_keys.Rejected) -> api_keys.Key:
    """Give the key that was authenticated, or refuse: a rejected one, and one of a suspended tenant."""
    match outcome:
        case api_keys.Rejected():
            raise InvalidApiKeyError
        case api_keys.Authenticated(suspended=True):
            raise TenantSuspendedError
        case api_keys.Authenticated(key=key):
            return key


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

    Source: RFC 7523 section 3.
    """
    if credential.assertion is None:
        read_key(credential.secret or "")
        return None

    assertion = clients.parse(credential.assertion)
    if assertion is None or credential.client_id not in {None, assertion.client_id}:
        raise InvalidClientError
    tenant_id = parse_id("tenant", assertion.client_id)
    registered = None if tenant_id is None else _registered(tenant_id, tools)
    if tenant_id is None or registered is None:
        raise InvalidClientError
    now = tools.clock.now()
    verified = clients.verify(assertion, _keys(registered, assertion.kid, tools, now), tools.http.issuer, now=now)
    if verified is None:
        raise InvalidClientError

    # Used up even if the request is refused afterwards: who saw it on the way must not get a second try.
    with tools.database.transaction() as connection:
        fresh = clients.spend(connection, tenant_id, verified, now=now)
    if not fresh:
        raise InvalidClientError
    return Proven(tenant_id, assertion.kid, registered)


def admit_client(
    connection: Connection,
    credential: Credential,
    proven: Proven | None,
    tools: Tools,
    *,
    now: datetime,
    hold: bool = False,
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

    Raises:
        InvalidApiKeyError, InvalidClientError: it is not who it claims to be.
        TenantSuspendedError: it is, but may not act.
    """
    if proven is not None:
        return _proven(connection, proven, hold=hold)

    presented = read_key(credential.secret or "")
    outcome = api_keys.authenticate(connection, presented, pepper=tools.master.pepper, now=now, hold=hold)
    key = admit_key(outcome)
    own = api_keys.key_name(key.id) if key.tenant_id is None else print_id("tenant", key.tenant_id)
    if credential.client_id not in {None, own}:
        raise InvalidApiKeyError
    # A client that registered keys does not fall back to a secret; a key by itself is no client's secret.
    if key.assertion_only and credential.client_id is not None:
        raise InvalidClientError
    return Client(key.tenant_id, key.scopes, key.id, audience=key.audience, key_rotating_until=key.rotating_until)


def authenticate_client(credential: Credential, tools: Tools) -> Client:
    """
    Authenticate a client for a story that starts nothing which a revocation would have to find.

    Raises:
        InvalidApiKeyError, InvalidClientError, TenantSuspendedError: see `prove` and `admit_client`.
    """
    proven = prove(credential, tools)
    with tools.database.reading() as connection:
        return admit_client(connection, credential, proven, tools, now=tools.clock.now())


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
