"""API keys of a release that knew one master key, and did not say which."""

from app.domain import api_keys
from app.flows.tools import Tools


def adopt_api_keys(tools: Tools) -> None:
    """
    Note of API keys that name no master key that they hang on the only one there is; when there are several, nobody
    can tell, and nothing is done.

    To be called once the signing keys were opened: with the master key of another installation, they do not open.
    """
    if len(tools.masters.all) > 1:
        return
    with tools.database.reading() as connection:
        if not api_keys.any_unnamed(connection):
            return
    with tools.database.statement() as connection:
        api_keys.name_all(connection, tools.master.id)
