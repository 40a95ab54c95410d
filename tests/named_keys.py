"""Named API keys of a tenant, made by the story and over HTTP, and whether they and what they opened still work."""

from datetime import datetime
from typing import Any

from flask.testing import FlaskClient

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.create_api_key import KeyWanted, create_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.look_up_api_keys import look_up_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidAccessTokenError, InvalidApiKeyError, InvalidRefreshTokenError
from app.flows.results import Caller, KeyDetails, TokenPair
from app.flows.rotate_api_key import Reason, rotate_api_key
from app.flows.steps import Credential
from app.flows.tools import Tools
from tests.builders import Tenant
from tests.guessers import id_of

API = "/api/v1"


def by(api_key: str) -> dict[str, str]:
    """Give the headers of a caller with an API key."""
    return {"X-API-Key": api_key}


def keys_of(tenant: Tenant, *then: str) -> str:
    """Give the path of a tenant's keys, or of what comes under it."""
    return "/".join([f"{API}/tenants/{tenant.id}/api-keys", *then])


def name_of(key: Tenant) -> str:
    """Give a key's id as it stands on the wire."""
    return f"key_{id_of(key)}"


def post(http: FlaskClient, tenant: Tenant, **asked: Any) -> Any:
    """Ask for another key of a tenant, by the key that it has."""
    return http.post(keys_of(tenant), json={"name": "Spare", **asked}, headers=by(tenant.api_key))


def posted(http: FlaskClient, tenant: Tenant, **asked: Any) -> Tenant:
    """Create another key of a tenant over HTTP."""
    answer = post(http, tenant, **asked)
    assert answer.status_code == 201, answer.text
    return Tenant(tenant.id, answer.json["data"]["api_key"])


def caller(key: Tenant, tools: Tools) -> Caller:
    """Authenticate by a key."""
    return authenticate_api_key(key.api_key, tools)


def a_named_key(tools: Tools, creator: Tenant, scope: str | None = None, **wanted: Any) -> Tenant:
    """Create another key of a tenant by the story."""
    asked = KeyWanted(wanted.pop("name", "Spare"), scope, **wanted)
    created = create_api_key(caller(creator, tools), creator.id, asked, tools)
    return Tenant(creator.id, created.issued.text)


def rotated(tools: Tools, by_whom: Tenant, key: Tenant, grace_seconds: int = 0, reason: Reason = "routine") -> Tenant:
    """Rotate a named key by the story, and give its successor."""
    made = rotate_api_key(caller(by_whom, tools), key.id, grace_seconds, reason, tools, presented_id=name_of(key))
    return Tenant(key.id, made.issued.text)


def details(tools: Tools, reader: Tenant, key: Tenant) -> KeyDetails:
    """Read what there is to know of a key."""
    return look_up_api_key(caller(reader, tools), key.id, name_of(key), tools)


def status(tools: Tools, reader: Tenant, key: Tenant) -> str:
    """Tell what a key says that it is now."""
    return details(tools, reader, key).status_at(tools.clock.now())


def opened(tools: Tools, key: Tenant, scope: str | None = None) -> TokenPair:
    """Open a session, with a refresh token."""
    return exchange_api_key(Exchange(Credential(secret=key.api_key), scope, offline=True), tools)


def works(tools: Tools, key: Tenant) -> bool:
    """Tell whether a key opens sessions and authenticates; both or neither."""
    try:
        authenticate_api_key(key.api_key, tools)
    except InvalidApiKeyError:
        alone = False
    else:
        alone = True
    try:
        exchange_api_key(Exchange(Credential(secret=key.api_key)), tools)
    except InvalidApiKeyError:
        assert not alone
        return False
    assert alone
    return True


def lives(tools: Tools, pair: TokenPair) -> bool:
    """Tell whether a session lives, by its access token; `refreshes` tells it by its refresh token."""
    try:
        authenticate_access_token(pair.access_token, tools)
    except InvalidAccessTokenError:
        return False
    return True


def refreshes(tools: Tools, pair: TokenPair) -> bool:
    """Tell whether a session lives, by refreshing it."""
    try:
        refresh_access(Refresh(pair.refresh_token or ""), tools)
    except InvalidRefreshTokenError:
        return False
    return True


def ends_at(tools: Tools, reader: Tenant, key: Tenant) -> datetime | None:
    """Tell when a key ends."""
    return details(tools, reader, key).expires_at
