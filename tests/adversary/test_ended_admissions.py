"""Whatever ends an authority leaves no participant with a living session, also when admissions race it."""

from dataclasses import dataclass
from functools import partial

import pytest

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.admit_participant import Admit, admit_participant
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_for_participant import ParticipantExchange, exchange_for_participant
from app.flows.exchange_token import TokenExchange, exchange_token
from app.flows.open_tenant import open_tenant
from app.flows.refusals import (
    InvalidAccessTokenError,
    InvalidApiKeyError,
    InvalidRefreshTokenError,
    InvalidRequestError,
    ParticipantRemovedError,
    RoomEndedError,
    ServiceError,
    TenantSuspendedError,
)
from app.flows.remove_participant import remove_participant
from app.flows.results import Limits, NewParticipant
from app.flows.steps import Credential
from app.foundation.identifiers import parse_id, print_id
from tests.adversary.endings import ENDINGS, REVOCATION, TRIES, Authority, reasons, refresh_until_refused
from tests.adversary.races import at_once
from tests.adversary.rounds import rounds
from tests.builders import ALL_SCOPES, Tenant, a_key_holding, a_pair, a_room, an_operator
from tests.conftest import environment

ROUNDS = {"sqlite": rounds(10), "postgresql": rounds(30)}
# What a client, whose own key lives, is told at token exchange when the subject has ended, or what both rest on.
AT_TOKEN_EXCHANGE: dict[str, set[type[ServiceError]]] = {
    "key_compromised": {InvalidRequestError},
    "key_revoked": {InvalidRequestError},
    "key_leaked": {InvalidRequestError},
    "tenant_suspended": {InvalidRequestError, TenantSuspendedError},
    "tenant_closed": {InvalidRequestError, InvalidApiKeyError},
    "room_ended": {InvalidRequestError, RoomEndedError},
}


@pytest.fixture(scope="module")
def tools(database_url):
    """Tools with the machine's own clock, and enough connections that nobody waits for one."""
    found = wiring_of(create_app(environment(database_url, DATABASE_POOL_SIZE="12"))).tools
    yield found
    found.database.close()


@dataclass(frozen=True)
class Room:
    """An authority, with a host and a guest in its room, and the tenant's token for it; `spare` is no part of it."""

    authority: Authority
    spare: str
    token: str
    host_token: str
    guest_id: str
    guest_refresh_token: str | None


def a_crowded_room(tools, operator):
    """Open a room for as many as may come."""
    opened = open_tenant(None, "Acme", Limits(max_participants_per_room=1_000_000), tools)
    tenant = Tenant(print_id("tenant", opened.tenant.id), opened.key.text)
    authority = Authority(tenant, a_room(tools, tenant), authenticate_api_key(tenant.api_key, tools), operator)
    host, guest = (
        admit_participant(authority.caller, Admit(authority.room_id, NewParticipant("Someone", role=role)), tools)
        for role in ("host", "participant")
    )
    return Room(
        authority,
        a_key_holding(ALL_SCOPES, tenant, tools).api_key,
        a_pair(tools, tenant, authority.room_id).access_token,
        host.pair.access_token,
        print_id("p", guest.participant.id),
        guest.pair.refresh_token,
    )


def admit_by_key(room, whom, tools):
    caller = authenticate_api_key(room.authority.tenant.api_key, tools)
    admit_participant(caller, Admit(room.authority.room_id, whom), tools)


def admit_by_host(room, whom, tools):
    caller = authenticate_access_token(room.host_token, tools)
    admit_participant(caller, Admit(room.authority.room_id, whom), tools)


def admit_by_exchange(room, whom, tools):
    key = Credential(secret=room.authority.tenant.api_key)
    exchange_for_participant(ParticipantExchange(key, room.authority.room_id, whom), tools)


def admit_by_token_exchange(room, whom, tools, *, of_key):
    subject = room.authority.tenant.api_key if of_key else room.token
    client = Credential(client_id=room.authority.tenant.id, secret=room.spare)
    scope = "rooms:read offline_access" if of_key else None
    exchange_token(TokenExchange(client, subject, of_key, room.authority.room_id, whom, scope=scope), tools)


WAYS = [
    admit_by_key,
    admit_by_host,
    admit_by_exchange,
    partial(admit_by_token_exchange, of_key=True),
    partial(admit_by_token_exchange, of_key=False),
]


def until_refused(admit, room, whom, tools):
    """Admit again and again; give the refusal that ended it."""
    try:
        for _ in range(TRIES):
            admit(room, whom, tools)
    except ServiceError as refusal:
        return type(refusal)
    return None


def race(room, whom, end, tools):
    """Admit by every way, and refresh what was granted, while something ends; give all refusals."""
    admitting = [partial(until_refused, way, room, whom, tools) for way in WAYS]
    refreshing = partial(refresh_until_refused, room.guest_refresh_token, tools)
    *admitted, refreshed, ended = at_once([*admitting, refreshing, end])
    assert (refreshed, ended) == (InvalidRefreshTokenError, None)
    return admitted


@pytest.mark.parametrize("ending", [*ENDINGS, REVOCATION], ids=lambda ending: ending.reason)
def test_an_ended_authority_leaves_nobody_in_the_room(backend, tools, ending):
    """
    B10, C13, A9: of sessions that are opened for participants, by key, by a host and by token exchange, while their
    authority ends, none outlives it; be they new in the room, or there before. A client that lives hears of its
    subject.
    """
    operator = authenticate_api_key(an_operator(tools), tools)
    for number in range(ROUNDS[backend]):
        room = a_crowded_room(tools, operator)
        whom = room.guest_id if number % 2 else NewParticipant("Someone")

        by_key, by_host, by_exchange, *others = race(room, whom, partial(ending.end, room.authority, tools), tools)

        assert (by_key, by_host, by_exchange) == (ending.refusal, InvalidAccessTokenError, ending.refusal)
        assert set(others) <= AT_TOKEN_EXCHANGE[ending.reason]
        assert reasons(FamilyRow.tenant_id == room.authority.caller.tenant_id, tools) == {ending.reason}


def test_a_removed_participant_has_no_session_left(backend, tools):
    """
    B10, C13: of sessions that are opened for a participant while they are removed, none outlives that; all others do.
    """
    operator = authenticate_api_key(an_operator(tools), tools)
    for _ in range(ROUNDS[backend]):
        room = a_crowded_room(tools, operator)
        caller, room_id = room.authority.caller, room.authority.room_id
        remove = partial(remove_participant, caller, room_id, room.guest_id, tools, ban=False)

        refusals = race(room, room.guest_id, remove, tools)

        of_guest = FamilyRow.participant_id == parse_id("p", room.guest_id)
        assert refusals == [ParticipantRemovedError] * len(WAYS)
        assert reasons(of_guest, tools) == {"participant_removed"}
        assert reasons((FamilyRow.tenant_id == caller.tenant_id) & ~of_guest, tools) <= {None}
