"""Things that tests start from, made by the stories themselves."""

from dataclasses import dataclass

from app.domain import api_keys
from app.flows.admit_participant import Admit, admit_participant
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.issue_operator_key import issue_operator_key
from app.flows.open_room import open_room
from app.flows.open_tenant import open_tenant
from app.flows.results import Limits, NewParticipant, Role, TokenPair
from app.flows.steps import Credential
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id, print_id

# What a tenant's first key holds, without `offline_access`: what is granted when nothing is asked for.
ALL_SCOPES = (
    "tenant:read tenant:write keys:read keys:write rooms:read rooms:write "
    "participants:read participants:write sessions:read sessions:write"
)


@dataclass(frozen=True)
class Tenant:
    """A tenant's id and key, as they stand on the wire."""

    id: str
    api_key: str


def a_tenant(tools: Tools, name: str = "Acme") -> Tenant:
    """Open a tenant."""
    opened = open_tenant(None, name, Limits(), tools)
    return Tenant(print_id("tenant", opened.tenant.id), opened.key.text)


def a_key_holding(scopes: str, tenant: Tenant, tools: Tools) -> Tenant:
    """Issue a second key of a tenant, which holds these scopes alone."""
    new = api_keys.NewKey("sk", parse_id("tenant", tenant.id), scopes)
    with tools.database.transaction() as connection:
        key = api_keys.issue(connection, new, pepper=tools.peppers[0], now=tools.clock.now())
    return Tenant(tenant.id, key.text)


def an_operator(tools: Tools) -> str:
    """Issue an operator key."""
    return issue_operator_key(tools).text


def a_room(tools: Tools, tenant: Tenant, name: str = "Lobby") -> str:
    """Open a room of a tenant, and give its id."""
    room = open_room(authenticate_api_key(tenant.api_key, tools), name, tools)
    return print_id("room", room.id)


@dataclass(frozen=True)
class Guest:
    """A participant's id as it stands on the wire, and their tokens."""

    id: str
    pair: TokenPair


def a_participant(tools: Tools, tenant: Tenant, room_id: str, role: Role | None = None, **more: str) -> Guest:
    """Admit someone to a room."""
    new = NewParticipant(more.pop("display_name", "Ada"), role=role, **more)
    admitted = admit_participant(authenticate_api_key(tenant.api_key, tools), Admit(room_id, new), tools)
    return Guest(print_id("p", admitted.participant.id), admitted.pair)


def a_pair(tools: Tools, tenant: Tenant, room_id: str | None = None) -> TokenPair:
    """Exchange a tenant's key for tokens, as Chalk JSON does."""
    return exchange_api_key(Exchange(Credential(secret=tenant.api_key), room_id=room_id, offline=True), tools)
