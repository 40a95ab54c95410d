"""An operator key out; for the command line of the server itself."""

from app.domain import api_keys
from app.flows.results import IssuedKey
from app.flows.tools import Tools
from app.foundation import logs


def issue_operator_key(tools: Tools) -> IssuedKey:
    """Issue a key (`ak_`) that manages tenants and acts for none."""
    with tools.database.transaction() as connection:
        new = api_keys.NewKey("ak", tenant_id=None, scopes="")
        key = api_keys.issue(connection, new, pepper=tools.peppers[0], now=tools.clock.now())

    logs.event("operator_key.issued", key=key.name)
    return key
