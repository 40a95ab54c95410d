"""An audience in; the credential of its resource server out. For the command line of the server itself."""

from app.domain import api_keys
from app.flows.refusals import InvalidTargetError
from app.flows.results import IssuedKey
from app.flows.tools import Tools
from app.foundation import logs


def issue_resource_server_key(audience: str, tools: Tools) -> IssuedKey:
    """
    Issue a key (`ak_`) with which the resource server of an audience may introspect the access tokens that are
    addressed to it, and do nothing else.

    Raises:
        InvalidTargetError: tokens are not issued for that audience.
    """
    if audience not in tools.http.audiences:
        raise InvalidTargetError

    with tools.database.transaction() as connection:
        new = api_keys.NewKey("ak", tenant_id=None, scopes="", audience=audience)
        key = api_keys.issue(connection, new, pepper=tools.peppers[0], now=tools.clock.now())

    logs.event("resource_server_key.issued", key=key.name, audience=audience)
    return key
