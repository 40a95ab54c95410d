"""The audit of the store: silent over whatever the server did, and loud over each thing that it never does."""

from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from app.domain.api_keys import key_name
from app.domain.api_keys.tables import ApiKeyRow
from app.domain.refresh_tokens.tables import FamilyRow
from app.domain.rooms.tables import ParticipantRow, RoomRow
from app.domain.signing_keys.tables import SigningKeyRow
from app.domain.tenants.tables import TenantRow
from app.flows.activate_signing_key import activate_signing_key
from app.flows.audit_store import audit_store
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.end_room import end_room
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidRefreshTokenError
from app.flows.results import Changes
from app.flows.revoke_token import revoke_token
from app.flows.rotate_api_key import rotate_api_key
from app.foundation.identifiers import print_id
from tests.adversary.races import a_token
from tests.builders import a_pair, a_participant, a_room, a_tenant, an_operator

NOBODY = "another"


@pytest.fixture
def tools(worker, clock):
    """A store of the test's own, in which much has happened."""
    made = worker(clock)
    live_in(made, clock)
    return made


def live_in(tools, clock):
    """Let happen whatever ends a session; a theft, a lost answer and rotations of keys beside."""
    tenant, other = a_tenant(tools), a_tenant(tools)
    room = a_room(tools, tenant)
    a_participant(tools, tenant, a_room(tools, tenant))
    a_participant(tools, tenant, room)
    spent = a_token(tools, tenant)
    living = refresh_access(Refresh(spent, idempotency_key="request-0123456789"), tools).refresh_token
    assert living is not None
    refresh_access(Refresh(living), tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(spent), tools)
    revoke_token(a_token(tools, tenant), None, tools)
    end_room(authenticate_api_key(tenant.api_key, tools), room, tools)
    a_pair(tools, other)
    change_tenant(authenticate_api_key(an_operator(tools), tools), other.id, Changes(suspended=True), tools)
    for grace in (0, 60):
        fresh = a_tenant(tools)
        a_pair(tools, fresh)
        rotate_api_key(authenticate_api_key(fresh.api_key, tools), fresh.id, grace, "routine", tools)
    clock.step(days=1)
    activate_signing_key(None, "a reason", tools)


def findings(tools):
    """Give what the audit finds."""
    return set(audit_store(tools).findings)


def changed(table, which, **values):
    """Write what the server never would into one row."""
    key = table.kid if table is SigningKeyRow else table.id

    def write(connection):
        some = connection.execute(select(key).where(which).limit(1)).scalar_one()
        connection.execute(update(table).where(key == some).values(values))

    return write


LIVING = FamilyRow.revoked_at.is_(None)
OF_PARTICIPANT = LIVING & FamilyRow.participant_id.is_not(None)
HAS_SESSIONS = ApiKeyRow.id.in_(select(FamilyRow.key_id).where(LIVING)) & ApiKeyRow.grace_ends_at.is_(None)
HAS_SEAT = ParticipantRow.id.in_(select(FamilyRow.participant_id).where(OF_PARTICIPANT))
IN_USE = RoomRow.id.in_(select(FamilyRow.room_id).where(OF_PARTICIPANT))
USABLE = ApiKeyRow.revoked_at.is_(None) & ApiKeyRow.suspended_at.is_(None)
HAS_KEY = TenantRow.id.in_(select(ApiKeyRow.tenant_id).where(USABLE))
REPLACED = ApiKeyRow.id.in_(select(ApiKeyRow.replaces))
OVER = func.current_timestamp()
BREAKS = {
    "a reuse is forgotten": (
        "session.resurrected",
        changed(FamilyRow, FamilyRow.revoke_reason == "reuse", revoked_at=None),
    ),
    "no such generation": ("session.irregular", changed(FamilyRow, LIVING, generation=0)),
    "short tags": ("session.irregular", changed(FamilyRow, LIVING, retry_tags="short")),
    "a reason alone": ("session.irregular", changed(FamilyRow, LIVING, revoke_reason="reuse")),
    "a key nobody has": ("session.unknown_refresh_key", changed(FamilyRow, LIVING, refresh_kid=NOBODY)),
    "key": ("session.outlives", changed(ApiKeyRow, HAS_SESSIONS, revoked_at=OVER)),
    "participant": ("session.outlives", changed(ParticipantRow, HAS_SEAT, removed_at=OVER)),
    "room": ("session.outlives", changed(RoomRow, IN_USE, ended_at=OVER)),
    "no room": ("session.irregular", changed(FamilyRow, OF_PARTICIPANT, room_id=None)),
    "tenant": ("key.outlives", changed(TenantRow, HAS_KEY, closed_at=OVER)),
    "endless": ("key.replaced_without_end", changed(ApiKeyRow, REPLACED, revoked_at=None, grace_ends_at=None)),
    "no signer": ("signing_key.active", changed(SigningKeyRow, SigningKeyRow.state == "active", state="retired")),
    "lost": ("signing_key.lost", changed(SigningKeyRow, SigningKeyRow.state == "standby", private_jwe="")),
}


def test_whatever_the_server_does_leaves_nothing_to_be_found(tools):
    """
    I2, I3, I10, B10: after revocations, a theft, ends of rooms and tenants and new keys, the store is as it must be.
    """
    audit = audit_store(tools)

    assert audit.findings == []
    assert audit.sessions == 3


def test_whatever_the_server_never_does_is_found(tools):
    """
    I2, I3, I9, I10, B10: each thing that no history leaves behind is named by its rule.
    """
    known = findings(tools)
    for name, (rule, write) in BREAKS.items():
        with tools.database.transaction() as connection:
            write(connection)
        found = findings(tools)
        assert rule in {each.rule for each in found - known}, name
        known = found


def test_a_session_on_what_belongs_to_somebody_else_is_found(tools):
    """
    B8: a session that hangs on the key of another tenant is found.
    """
    with tools.database.transaction() as connection:
        stranger = connection.execute(select(ApiKeyRow.id).where(REPLACED)).scalars().first()
        changed(FamilyRow, OF_PARTICIPANT, key_id=stranger)(connection)

    assert {each.rule for each in findings(tools)} == {"session.across_tenants"}


NEVER = UUID(int=7)
# By an assertion: of a session that a key opened, the key would say that the tenant is wrong.
BY_ASSERTION = {"key_id": None, "client_kid": NOBODY, "room_id": None, "participant_id": None}
DANGLES: dict[str, dict[str, object]] = {
    print_id("tenant", NEVER): {"tenant_id": NEVER, **BY_ASSERTION},
    key_name("Nobodys1"): {"key_id": "Nobodys1"},
    print_id("room", NEVER): {"room_id": NEVER},
    print_id("p", NEVER): {"participant_id": NEVER},
}


def test_a_session_on_what_does_not_exist_is_found(tools):
    """
    B8: no foreign key keeps a session from hanging on a tenant, key, room or participant that never was; each is named.
    """
    with tools.database.reading() as connection:
        session = connection.execute(select(FamilyRow.__table__).where(OF_PARTICIPANT)).one()
    for name, values in DANGLES.items():
        for written in (values, session._asdict()):
            with tools.database.transaction() as connection:
                connection.execute(update(FamilyRow).where(FamilyRow.id == session.id).values(written))
            found = {(each.rule, each.subject) for each in findings(tools)}
            assert found == ({("session.dangling", name)} if written is values else set())


def test_a_session_of_one_kind_of_thing_is_not_of_another(tools):
    """
    B8: the id of a participant, in place of a room's, is not one.
    """
    with tools.database.transaction() as connection:
        seat = connection.execute(select(FamilyRow.participant_id).where(OF_PARTICIPANT)).scalar_one()
        changed(FamilyRow, OF_PARTICIPANT, room_id=seat)(connection)

    assert {each.rule for each in findings(tools)} == {"session.dangling"}
