"""Any history of a family, against a model that was written from the table of CONTRACT 5 alone."""

import copy
import logging

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints.wiring import wiring_of
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import AccessTokenExpiredError, InvalidAccessTokenError, InvalidRefreshTokenError
from app.flows.revoke_token import revoke_token
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id
from tests.builders import Tenant, a_pair
from tests.clock import StillClock
from tests.domain.family_model import ABSOLUTE, IDLE, SEEN_AS, Row, Session, Token, claims_of

KEYS = st.sampled_from([None, None, "request-a-0123456789", "request-b-0123456789", "request-c-0123456789"])
STEPS = st.sampled_from([0.000001, 0.4, 1, 1, 9, 10, 10.000001, 60, 60, 599, 600, 1800, -0.5, -1, -60, -600])


class FamilyMachine(RuleBasedStateMachine):
    """Clients, thieves, operators and failing disks, in any order."""

    tools: Tools
    clock: StillClock
    tenant: Tenant
    events: pytest.LogCaptureFixture

    def __init__(self) -> None:
        super().__init__()
        self.window = self.tools.families.retry_seconds
        self.sessions: list[Session] = []
        self.clock.reset()

    def stored(self, session):
        """Read the row as it lies in the database."""
        with self.tools.database.reading() as connection:
            statement = select(FamilyRow.__table__).where(FamilyRow.id == parse_id("ses", session.id))
            return dict(connection.execute(statement).mappings().one())

    def session(self, pick):
        """Choose a family; later ones first, so that examples shrink to one."""
        return self.sessions[-1 - pick % len(self.sessions)]

    @initialize()
    def open_the_first(self):
        """Every history has a family."""
        self.issue()

    @precondition(lambda self: len(self.sessions) < 3)
    @rule()
    def issue(self):
        """A tenant exchanges its key."""
        now = self.clock.now()
        pair = a_pair(self.tools, self.tenant)
        token = self.read(pair.refresh_token, generation=1)
        row = Row(token, now, now + IDLE, now + ABSOLUTE)
        self.sessions.append(Session(claims_of(token.text)["sid"], row, [token], pair.access_token))

    def read(self, presented, generation):
        """Take a new token apart, as only a test may."""
        claims = claims_of(presented)
        assert claims.keys() == {"iss", "aud", "sid", "gen", "iat", "exp"}
        assert claims["iss"] == claims["aud"]
        assert claims["gen"] == generation
        assert claims["iat"] == int(self.clock.now().timestamp())
        return Token(presented, generation, claims["exp"])

    @rule(pick=st.integers(0, 2), key=KEYS, later=st.sampled_from([0, 0, 300]))
    def refresh(self, pick, key, later):
        """The owner refreshes, at once or after half the time there is."""
        session = self.session(pick)
        self.clock.step(seconds=later)
        self.present(session, session.row.living, key)

    @rule(pick=st.integers(0, 2), key=KEYS, answers=st.integers(2, 5))
    def refresh_repeatedly(self, pick, key, answers):
        """The owner refreshes some times more, each as a request of its own."""
        for number in range(answers):
            self.present(self.session(pick), self.session(pick).row.living, key and f"{key}-{number}")

    @rule(pick=st.integers(0, 2), keys=st.tuples(KEYS, KEYS), waits=st.sampled_from([0, 9.999999, 10, 10.000001, -5]))
    def lose_an_answer(self, pick, keys, waits):
        """The owner refreshes, hears nothing, and asks again after a while; perhaps as another request."""
        session = self.session(pick)
        token = session.row.living
        self.present(session, token, keys[0])
        self.clock.step(seconds=waits)
        self.present(session, token, keys[1])

    @precondition(lambda self: any(len(session.seen) > 1 for session in self.sessions))
    @rule(pick=st.integers(0, 2), back=st.integers(1, 6), key=st.integers(0, 4))
    def send_again(self, pick, back, key):
        """A request arrives a second time: an old token, with a key that the family has carried."""
        session = self.session(pick)
        keys = [carried for carried in session.row.keys if carried] or [None]
        self.present(session, session.seen[max(0, len(session.seen) - 1 - back)], keys[key % len(keys)])

    @rule(pick=st.integers(0, 2), back=st.integers(0, 30), key=KEYS)
    def replay(self, pick, back, key):
        """Anyone presents any token that ever was."""
        session = self.session(pick)
        self.present(session, session.seen[-1 - back % len(session.seen)], key)

    def present(self, session, token, key):
        """Present a token, and hold the answer against the table."""
        expected = session.row.answer(token, key, self.clock.now(), self.window)
        before = copy.deepcopy(session.row), self.stored(session)

        self.events.clear()
        try:
            pair = refresh_access(Refresh(token.text, idempotency_key=key), self.tools)
        except InvalidRefreshTokenError:
            pair = None

        told = [record.getMessage() for record in self.events.records if record.name == "chalk.events"]
        assert (pair is not None, told) == SEEN_AS[expected], expected
        if expected in {"rotated", "healed"}:
            session.past.append(before)
            self.move(session, token, key, pair)
        elif expected == "retried":
            assert pair is not None
            assert pair.refresh_token == session.row.living.text
            assert pair.access_token != session.access_token
        elif expected == "reused":
            session.row.revoked = True
            self.refuses(session.access_token)
        if pair is not None:
            session.access_token = pair.access_token
            # I1. What a restore undid was a promise of the lost database.
            assert session.children.setdefault(token, pair.refresh_token) == pair.refresh_token

    def move(self, session, token, key, pair):
        """The family is one generation past the token that was presented."""
        now, row = self.clock.now(), session.row
        row.living = self.read(pair.refresh_token, token.generation + 1)
        row.rotated_at, row.idle_expires_at, row.keys = now, now + IDLE, (key, *row.keys)[:4]
        assert claims_of(row.living.text)["sid"] == session.id
        assert row.living.expires_at == int(min(row.idle_expires_at, row.absolute_expires_at).timestamp())
        assert session.restored or row.living not in session.seen
        session.seen.append(row.living)

    def refuses(self, access_token):
        """C2: the access tokens of a family end with it."""
        with pytest.raises((InvalidAccessTokenError, AccessTokenExpiredError)):
            authenticate_access_token(access_token, self.tools)

    @precondition(lambda self: any(len(session.seen) > 3 for session in self.sessions))
    @rule(pick=st.integers(0, 2), back=st.integers(0, 3))
    def revoke(self, pick, back):
        """Whoever holds a token of a family, spent or not, ends it."""
        session = self.session(pick)
        revoke_token(session.seen[-1 - back % len(session.seen)].text, None, self.tools)
        session.row.revoked = True
        self.refuses(session.access_token)

    @precondition(lambda self: any(session.past and not session.row.revoked for session in self.sessions))
    @rule(
        pick=st.integers(0, 2),
        back=st.integers(0, 5),
        newest=st.integers(0, 1),
        later=st.sampled_from([0, 0, 300, 400]),
    )
    def heal(self, pick, back, newest, later):
        """The database loses its latest rotations, and a client brings a token that it has forgotten."""
        candidates = [session for session in self.sessions if session.past and not session.row.revoked]
        session = candidates[-1 - pick % len(candidates)]
        row, stored = session.past[-1 - back % len(session.past)]
        with self.tools.database.transaction() as connection:
            connection.execute(update(FamilyRow).where(FamilyRow.id == stored["id"]).values(**stored))
        session.row, session.restored = copy.deepcopy(row), True
        kept = {
            parent: child for parent, child in session.children.items() if parent.generation < row.living.generation
        }
        session.children = kept
        self.clock.step(seconds=later)
        self.present(session, session.seen[-1 - newest], None)

    @rule(seconds=STEPS)
    def step(self, seconds):
        """Time passes; now and then a clock is put back."""
        self.clock.step(seconds=seconds)

    @invariant()
    def the_database_agrees(self):
        """I2, I3: one living leaf, and what is revoked stays so."""
        for session in self.sessions:
            stored = self.stored(session)
            assert stored["generation"] == session.row.living.generation
            assert (stored["revoked_at"] is not None) == session.row.revoked
            leaves = {token.text for token in session.seen if token.generation >= stored["generation"]}
            assert session.restored or leaves == {session.row.living.text}

    def teardown(self):
        """I3: when all is over, no token of an ended family brings anything back."""
        for session in filter(lambda each: each.row.revoked, self.sessions):
            for token in session.seen:
                self.present(session, token, None)


@pytest.mark.parametrize("retry_seconds", ["0", "10"], ids=["strict", "window"])
def test_any_history_of_a_family_follows_the_table(make_app, clock, tenant, caplog, retry_seconds):
    """
    C1, C2, C7, C10 to C12, I1 to I5, I7: whatever clients, thieves, operators, clocks and disks do, the table decides.
    """
    caplog.set_level(logging.INFO, "chalk.events")
    lifetimes = {"REFRESH_IDLE_SECONDS": "600", "REFRESH_ABSOLUTE_SECONDS": "1800"}
    application = make_app(REFRESH_RETRY_SECONDS=retry_seconds, **lifetimes)
    world = {"tools": wiring_of(application).tools, "clock": clock, "tenant": tenant, "events": caplog}

    run_state_machine_as_test(
        type("Machine", (FamilyMachine,), world),
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
