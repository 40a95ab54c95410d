"""What a participant's own token can bring about: nothing above its rank, and nothing that outlives its session."""

import dataclasses

import pytest
from sqlalchemy import select, update

from app.domain.audit.tables import AuditEventRow
from app.domain.refresh_tokens.tables import FamilyRow
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.change_participant import ParticipantChanges, change_participant
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.look_up_participants import look_up_participant, look_up_participants
from app.flows.refusals import ForbiddenError, InvalidAccessTokenError, InvalidRefreshTokenError
from app.flows.remove_participant import remove_participant
from app.flows.steps import Credential
from tests.builders import a_room, a_tenant
from tests.forgery import claims_of
from tests.participants import HOST, admit, holder, mint, names, refresh

WITHOUT_RANK = "rooms:read participants:read participants:write"


@pytest.fixture
def room_id(tools, tenant):
    """A room of the tenant's."""
    return a_room(tools, tenant)


def kinds_of(tools, tenant_id):
    with tools.database.reading() as connection:
        told = select(AuditEventRow.event).where(AuditEventRow.tenant_id == tenant_id).order_by(AuditEventRow.id)
        kinds = [each.split('"')[3] for each in connection.execute(told).scalars()]
    return [kind for kind in kinds if kind.startswith("participant.")]


def test_what_a_token_opens_ends_with_its_session(tools, tenant, room_id, clock):
    """
    CONTRACT 4, 5, C7: a host that mints for itself again and again is out after seven days, as if it had not.
    """
    host = admit(holder(tenant, tools), room_id, tools, role="host")
    began, own = clock.now(), host

    for _ in range(7):
        clock.step(hours=23)
        own = dataclasses.replace(own, pair=refresh(own.pair, tools))
        own = mint(holder(own, tools), own, tools)
    clock.step(hours=8)

    assert (clock.now() - began).days == 7
    with pytest.raises(InvalidRefreshTokenError):
        refresh(own.pair, tools)


def test_a_token_without_a_refresh_token_gives_none_that_lives_longer(tools, tenant, room_id, clock):
    """
    L: what an access token of an hour opens, is over within the hour, also what a host that it admitted opens.
    """
    pair = exchange_api_key(Exchange(Credential(tenant.id, tenant.api_key)), tools)
    assert pair.refresh_token is None
    clock.step(minutes=50)

    host = admit(authenticate_access_token(pair.access_token, tools), room_id, tools, role="host")
    second = mint(holder(host, tools), host, tools)

    over = claims_of(pair.access_token)["exp"]
    for admission in (host, second):
        assert claims_of(admission.pair.access_token)["exp"] <= over + 1
        assert claims_of(admission.pair.refresh_token or "")["exp"] <= over + 1


def test_nobody_gives_or_takes_a_role_above_their_own(worker):
    """
    CONTRACT 3: where an operator lets participants admit, they make neither themselves nor others hosts, and act on
    no host; they do what they may among their like.
    """
    from_settings = {"PARTICIPANT_SCOPE": WITHOUT_RANK, "VIEWER_SCOPE": WITHOUT_RANK}
    tools = worker(**from_settings)
    room_id, host, person, caller = people(tools)

    assert admit(caller, room_id, tools, role="participant").participant.role == "participant"
    for attempt in (
        lambda: admit(caller, room_id, tools, role="host"),
        lambda: admit(caller, room_id, tools, known_as="host", role="viewer"),
        lambda: admit(caller, room_id, tools, known_as="host"),
        lambda: mint(caller, host, tools),
        lambda: change_participant(caller, *names(person), ParticipantChanges(role="host"), tools),
        lambda: change_participant(caller, *names(host), ParticipantChanges(display_name="Nobody"), tools),
        lambda: remove_participant(caller, *names(host), tools, ban=False),
    ):
        with pytest.raises(ForbiddenError):
            attempt()
    changed = change_participant(caller, *names(person), ParticipantChanges(role="viewer"), tools)
    assert changed.role == "viewer"
    assert refresh(host.pair, tools).scope == HOST


def people(tools):
    """A room, a host and a participant in it, and who calls by the participant's token."""
    tenant = a_tenant(tools)
    room_id = a_room(tools, tenant)
    host = admit(holder(tenant, tools), room_id, tools, known_as="host", role="host")
    person = admit(holder(tenant, tools), room_id, tools, role="participant")
    return room_id, host, person, holder(person, tools)


def test_who_acts_in_the_name_of_another_is_known(tools, tenant, room_id):
    """
    CONTRACT 3: a host that is given tokens of another participant leaves an event; the tenant's key, and a host that
    mints for itself, do what is theirs.
    """
    key = holder(tenant, tools)
    host, other = (admit(key, room_id, tools, known_as=name, role="host") for name in ("one", "other"))
    for participant in (host, other):
        mint(key, participant, tools)
    mint(holder(host, tools), host, tools)
    assert kinds_of(tools, key.tenant_id) == ["participant.admitted"] * 2

    mint(holder(host, tools), other, tools)
    admit(holder(host, tools), room_id, tools, known_as="other")

    assert kinds_of(tools, key.tenant_id)[2:] == ["participant.token_minted"] * 2


def test_a_token_that_may_do_more_than_its_session_is_dead(tools, tenant, room_id):
    """
    CONTRACT 3, D8: also where neither the role nor the second of the change tells it from those after.
    """
    host = admit(holder(tenant, tools), room_id, tools, role="host")
    with tools.database.transaction() as connection:
        of_host = update(FamilyRow).where(FamilyRow.subject == names(host)[1])
        connection.execute(of_host.values(scope="rooms:read"))

    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(host.pair.access_token, tools)


def test_the_tenants_own_ids_are_for_those_who_admit(tools, tenant, room_id):
    """
    CONTRACT 3: an `external_user_id` may be an e-mail address: participants do not read each other's.
    """
    key = holder(tenant, tools)
    host = admit(key, room_id, tools, known_as="host@x.example", role="host")
    guest = admit(key, room_id, tools, known_as="participant@x.example")

    for reader, seen in ((key, True), (holder(host, tools), True), (holder(guest, tools), False)):
        one = look_up_participant(reader, *names(host), tools)
        listed = look_up_participants(reader, room_id, (None, 10), tools).items
        expected = ["host@x.example", "participant@x.example"] if seen else [None, None]
        assert [one.external_user_id, *(each.external_user_id for each in listed)] == [expected[0], *expected]
