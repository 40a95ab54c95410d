"""Clients that are known from before, for stories whose one statement does nothing unless their key is so still."""

from datetime import datetime

from app.flows.refusals import ServiceError
from app.flows.steps.clients.client import Client, Credential, client_by_key
from app.flows.steps.limits.guesses import admit_known_key, may_be_used, note_use
from app.flows.tools import Tools


def recall_client(
    credential: Credential, tools: Tools, *, now: datetime, resource_servers: bool = False
) -> Client | None:
    """
    Give the client that a secret shows, if its key is known from before and may be used from there; nothing is counted.

    For a story whose one statement does nothing unless the key is so still (`api_keys.stands`). None refuses nobody:
    whoever is not known is looked at. Resource servers are known only with `resource_servers`: they have no tenant, and
    may ask what tokens say, and nothing else.
    """
    presented = credential.presented
    key = None if presented is None else tools.known_keys.recall(presented, tools.peppers[0], now=now)
    if key is None or (key.tenant_id is None and not resource_servers) or not may_be_used(key, credential.sender):
        return None
    try:
        return client_by_key(key, credential)
    except ServiceError:
        return None


def admit_recalled(client: Client, credential: Credential, tools: Tools) -> None:
    """
    Admit a client that was recalled; when its story is done, `note_recalled` notes that.

    Raises:
        QuotaSpentError: its key was used too often in this minute, as far as its limit is known.
    """
    if client.key is not None and credential.presented is not None:
        admit_known_key(client.key, credential.presented, credential.sender, tools)


def note_recalled(client: Client, credential: Credential, tools: Tools) -> None:
    """Note that the key of a client that was recalled was used: it stood."""
    if client.key is not None:
        note_use(client.key, credential.sender, tools)


def remember_client(client: Client, credential: Credential, tools: Tools) -> None:
    """Remember a client that was authenticated by its key just now."""
    if client.key is not None and credential.presented is not None and client.outdated is None:
        tools.known_keys.keep(credential.presented, client.key, tools.peppers[0])


def forget_client(client: Client, tools: Tools) -> None:
    """Forget a client that was recalled, and is not what it was."""
    if client.key is not None:
        tools.known_keys.forget(client.key.id)
