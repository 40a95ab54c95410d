"""Two months of use on a stepped clock: what is over leaves as fast as it comes, and nothing that lives does."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.domain.audit.tables import AuditEventRow
from app.domain.clients.tables import SpentAssertionRow
from app.domain.refresh_tokens import session_name
from app.domain.refresh_tokens.tables import FamilyRow
from app.flows.admit_participant import Admit, admit_participant
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_tenant import change_tenant
from app.flows.end_session import end_session
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.forget_expired import forget_expired
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidRefreshTokenError
from app.flows.results import Changes, ClientKeys, NewParticipant
from app.flows.steps import Credential
from tests.assertions import a_key, an_assertion, jwks_of
from tests.builders import a_pair, a_room, a_tenant
from tests.forgery import claims_of

DAYS = 60
# When what came first has left.
SETTLED = 14
FORGOTTEN_A_DAY = 3
KEEP = timedelta(days=2)
KEEP_EVENTS = timedelta(days=4)
LIFE = timedelta(days=8)
LIFE_OF_PARTICIPANTS = timedelta(days=3)
SETTINGS = {
    "KEEP_ENDED_DAYS": "2",
    "KEEP_EVENTS_DAYS": "4",
    "REFRESH_IDLE_SECONDS": str(3 * 86_400),
    "REFRESH_ABSOLUTE_SECONDS": str(8 * 86_400),
    "PARTICIPANT_IDLE_SECONDS": str(86_400 + 3600),
    "PARTICIPANT_ABSOLUTE_SECONDS": str(3 * 86_400),
    "ACCESS_TTL_SECONDS": "3600",
}


class AtWork:
    """
    A tenant at work, and a book of its own over what must be kept: when each session was, or will be, over.

    Each day it opens seven sessions. Of the tenant's own: one is used daily, one is left alone, one is ended, one is
    stolen and ends itself. Of participants: one is used daily. And two have no refresh token.
    """

    def __init__(self, tools, clock) -> None:
        self.tools, self.clock = tools, clock
        self.tenant, self.key = a_tenant(tools), a_key()
        self.room = a_room(tools, self.tenant)
        self.caller = authenticate_api_key(self.tenant.api_key, tools)
        self.assertions = a_tenant(tools)
        by_assertion = Changes(client_keys=ClientKeys(jwks=jwks_of(self.key), jwks_uri=None))
        change_tenant(authenticate_api_key(self.assertions.api_key, tools), self.assertions.id, by_assertion, tools)
        # By session: the refresh token with which it is used, and when it was or will be over.
        self.used: dict[str, str] = {}
        self.over_at: dict[str, datetime] = {}
        # Two tenants, the client's keys of one, and a room; Ada comes into it on the first day, and stays.
        self.events = [clock.now()] * 5

    def day(self) -> None:
        """Do all that is done in a day, and step the clock to the next one."""
        self._use_all()
        self._open(a_pair(self.tools, self.tenant), LIFE, used=True)
        self._open(a_pair(self.tools, self.tenant, self.room), LIFE)
        self._open_one_and_end_it()
        self._open_one_that_is_stolen()
        self._open(self._a_participant(), LIFE_OF_PARTICIPANTS, used=True)
        without = exchange_api_key(Exchange(Credential(secret=self.tenant.api_key)), self.tools)
        self._open(without, timedelta(hours=1))
        assertion = an_assertion(self.key, self.assertions.id, self.clock.now())
        by_assertion = exchange_api_key(Exchange(Credential(assertion=assertion)), self.tools)
        self._open(by_assertion, timedelta(hours=1))
        for _ in range(FORGOTTEN_A_DAY):
            self.clock.step(hours=24 / FORGOTTEN_A_DAY)
            forget_expired(self.tools)

    def kept(self) -> set[str]:
        """Name the sessions that must be there now."""
        return {sid for sid, over_at in self.over_at.items() if over_at >= self.clock.now() - KEEP}

    def kept_events(self) -> int:
        """Count the events that must be there now."""
        return sum(moment >= self.clock.now() - KEEP_EVENTS for moment in self.events)

    def living(self) -> dict[str, str]:
        """Give the sessions that are used and not over, with their refresh tokens."""
        return {sid: token for sid, token in self.used.items() if self.over_at[sid] > self.clock.now()}

    def _use_all(self) -> None:
        self.used = {sid: self._refreshed(token) for sid, token in self.living().items()}

    def _refreshed(self, token: str) -> str:
        pair = refresh_access(Refresh(token), self.tools)
        assert pair.refresh_token is not None
        return pair.refresh_token

    def _open(self, pair, life: timedelta, *, used: bool = False) -> str:
        sid: str = claims_of(pair.access_token)["sid"]
        self.over_at[sid] = self.clock.now() + life
        if used:
            self.used[sid] = pair.refresh_token
        return sid

    def _open_one_and_end_it(self) -> None:
        sid = self._open(a_pair(self.tools, self.tenant), timedelta())
        end_session(self.caller, sid, self.tools)
        self.events.append(self.clock.now())

    def _open_one_that_is_stolen(self) -> None:
        stolen = a_pair(self.tools, self.tenant)
        self._open(stolen, timedelta())
        assert stolen.refresh_token is not None
        self._refreshed(stolen.refresh_token)
        with pytest.raises(InvalidRefreshTokenError):
            self._refreshed(stolen.refresh_token)
        self.events.append(self.clock.now())

    def _a_participant(self):
        return admit_participant(self.caller, Admit(self.room, NewParticipant("Ada", "ada")), self.tools).pair


def names(tools) -> set[str]:
    """Name the sessions that there are rows of."""
    with tools.database.reading() as connection:
        return {session_name(family_id) for family_id in connection.execute(select(FamilyRow.id)).scalars()}


def count(tools, table):
    with tools.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_rows_do_not_grow_with_the_days_and_nothing_that_lives_is_lost(worker, clock):
    """
    I4, I6: after two months of use there are as many rows as after two weeks: what lives, and what was over lately.

    Each day exactly the sessions that must be kept are there, and those who refresh daily are never refused.
    """
    use = AtWork(worker(**SETTINGS), clock)
    rows = []

    for _ in range(DAYS):
        use.day()

        assert names(use.tools) == use.kept()
        assert count(use.tools, AuditEventRow) == use.kept_events()
        assert count(use.tools, SpentAssertionRow) == 0
        rows.append((len(use.kept()), use.kept_events()))

    opened = len(use.over_at)
    assert len(set(rows[SETTLED:])) == 1
    assert rows[-1][0] < opened / 5
    living = use.living()
    assert len(living) == LIFE.days + LIFE_OF_PARTICIPANTS.days - 2
    for token in living.values():
        assert refresh_access(Refresh(token), use.tools).refresh_token is not None
