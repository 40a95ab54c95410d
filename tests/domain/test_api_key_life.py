"""Any history of a tenant's keys: none gains time or a scope, and none has two predecessors, or two successors."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_api_key import change_api_key
from app.flows.change_tenant import change_tenant
from app.flows.refusals import ForbiddenError, InvalidApiKeyError, InvalidScopeError, KeyNotActiveError, ServiceError
from app.flows.report_leak import report_leak
from app.flows.results import Changes, KeyChanges
from app.flows.revoke_api_key import revoke_api_key
from app.flows.rotate_api_key import Reason, rotate_api_key
from app.flows.tools import Tools
from tests.builders import Tenant
from tests.clock import StillClock
from tests.named_keys import a_named_key, name_of

# The last is of all of them, so that keys can go on managing keys.
SCOPES = st.sets(st.sampled_from(["rooms:read", "rooms:write", "sessions:read"])).map(
    lambda some: {*some, "keys:write"}
)
SECONDS = st.sampled_from([1, 60, 600, 3600, 86_400])
STEPS = st.sampled_from([0.000001, 1, 59, 60, 600, 3600, 86_400])
PICKS = st.integers(0, 5)


@dataclass
class Known:
    """A key, and the most that it may ever be: until when, by its own end and by its grace, and what for."""

    key: Tenant
    ends_at: datetime
    scopes: frozenset[str]
    replaces: "Known | None" = None
    replaced: bool = False
    is_dead: bool = False
    grace_at: datetime | None = None

    @property
    def until(self) -> datetime:
        """Tell until when it works at the most."""
        return self.ends_at if self.grace_at is None else min(self.ends_at, self.grace_at)

    def has_until(self, moment: datetime) -> None:
        """Give it a grace; one that has begun is not made longer."""
        self.grace_at = moment if self.grace_at is None else min(moment, self.grace_at)


class KeyLife(RuleBasedStateMachine):
    """The owner, and whoever has one of its keys, in any order; one key is the owner's own and stays as it is."""

    tools: Tools
    clock: StillClock
    tenant: Tenant

    def __init__(self) -> None:
        super().__init__()
        self.clock.reset()
        self.known: list[Known] = []

    def pick(self, number):
        """Choose a key; later ones first, so that examples shrink to one."""
        return self.known[-1 - number % len(self.known)]

    def lives(self, known):
        """Tell whether a key must work now."""
        return not known.is_dead and self.clock.now() < known.until

    def end(self, known):
        """Remember that a key was ended for good."""
        known.is_dead = True

    def reaches(self, _by_whom, _other):
        """Tell whether one key may be used from wherever another may; here, all may be used from everywhere."""
        return True

    def after(self, seconds):
        """Give the moment so many seconds ahead."""
        return None if seconds is None else self.clock.now() + timedelta(seconds=seconds)

    def refused(self, expected, action):
        """Do what must be refused in one of these ways."""
        with pytest.raises(expected):
            action()

    @initialize(scopes=SCOPES)
    def create_the_first(self, scopes):
        """Every history has a key."""
        self.create_by_the_owner(scopes, None)

    @rule(scopes=SCOPES, seconds=st.none() | SECONDS)
    def create_by_the_owner(self, scopes, seconds):
        """The owner creates a key."""
        key = a_named_key(self.tools, self.tenant, " ".join(scopes), expires_at=self.after(seconds))
        self.known.append(Known(key, self.after(seconds) or self.after(10**9), frozenset(scopes)))

    @rule(creator=PICKS, scopes=SCOPES, seconds=st.none() | SECONDS)
    def create(self, creator, scopes, seconds):
        """Whoever has a key creates another by it."""
        by_whom, end = self.pick(creator), self.after(seconds)

        def ask():
            return a_named_key(self.tools, by_whom.key, " ".join(scopes), expires_at=end)

        if not self.lives(by_whom):
            self.refused(InvalidApiKeyError, ask)
        elif not scopes <= by_whom.scopes:
            self.refused(InvalidScopeError, ask)
        else:
            ends_at = min(by_whom.until, end or by_whom.until)
            self.known.append(Known(ask(), ends_at, frozenset(scopes)))

    @rule(by_number=st.none() | PICKS, number=PICKS, grace=st.sampled_from([0, 1, 600, 86_400]), stolen=st.booleans())
    def rotate(self, by_number, number, grace, stolen):
        """The owner, or whoever has a key, replaces one, routinely or because it was stolen."""
        old, by_whom = self.pick(number), None if by_number is None else self.pick(by_number)
        caller = (by_whom or Known(self.tenant, old.ends_at, old.scopes)).key

        def ask():
            found = authenticate_api_key(caller.api_key, self.tools)
            reason: Reason = "compromised" if stolen else "routine"
            return rotate_api_key(found, caller.id, grace, reason, self.tools, presented_id=name_of(old.key)).issued

        if by_whom is not None and not self.lives(by_whom):
            self.refused(InvalidApiKeyError, ask)
        elif by_whom is not None and not old.scopes <= by_whom.scopes:
            self.refused(InvalidScopeError, ask)
        elif by_whom is not None and not self.reaches(by_whom, old):
            self.refused(ForbiddenError, ask)
        elif old.replaced or not self.lives(old) or (old.grace_at and old is by_whom):
            self.refused(KeyNotActiveError, ask)
            if stolen:
                self.end(old)
        elif by_whom is not None and by_whom is not old and old.ends_at > by_whom.until:
            self.refused(ForbiddenError, ask)
        else:
            self.replace(old, Tenant(caller.id, ask().text), 0 if stolen else grace)

    def replace(self, old, key, grace):
        """Remember that a key was replaced."""
        self.known.append(Known(key, old.ends_at, old.scopes, replaces=old))
        old.replaced, old.is_dead = True, grace == 0
        old.has_until(self.after(grace))
        if old.replaces is not None:
            old.replaces.is_dead = True

    @rule(number=PICKS, scopes=st.none() | SCOPES, seconds=st.none() | SECONDS)
    def change(self, number, scopes, seconds):
        """The owner takes from a key, or tries to give to it."""
        known, end = self.pick(number), self.after(seconds)
        changes = KeyChanges(scopes=scopes and " ".join(scopes), expires_at=end)
        owner = authenticate_api_key(self.tenant.api_key, self.tools)
        too_much = not (scopes or known.scopes) <= known.scopes or (end is not None and end > known.ends_at)
        if known.grace_at is not None or not self.lives(known) or too_much:
            self.refused(
                ServiceError, lambda: change_api_key(owner, self.tenant.id, name_of(known.key), changes, self.tools)
            )
            return
        change_api_key(owner, self.tenant.id, name_of(known.key), changes, self.tools)
        known.scopes, known.ends_at = frozenset(scopes or known.scopes), end or known.ends_at

    @rule(number=PICKS)
    def revoke(self, number):
        """A key revokes itself, while it can."""
        known = self.pick(number)
        if self.lives(known):
            caller = authenticate_api_key(known.key.api_key, self.tools)
            revoke_api_key(caller, self.tenant.id, name_of(known.key), self.tools)
            self.end(known)

    @rule(number=PICKS, on_leak=st.sampled_from(["revoke", "rotate", "rotate", "notify"]))
    def leak(self, number, on_leak):
        """Somebody finds a key, and reports it; the owner has chosen what becomes of it."""
        known, owner = self.pick(number), authenticate_api_key(self.tenant.api_key, self.tools)
        change_tenant(owner, self.tenant.id, Changes(on_leak=on_leak), self.tools)
        report_leak(known.key.api_key, self.tools)
        if self.lives(known) and on_leak == "rotate":
            known.has_until(self.after(86_400))
        if on_leak == "revoke":
            self.end(known)

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time goes by."""
        self.clock.step(seconds=seconds)

    @invariant()
    def every_key_is_what_it_must_be(self):
        """Of all keys that were ever made, those work that should, and may do what they should."""
        for known in self.known:
            if self.lives(known):
                assert set(authenticate_api_key(known.key.api_key, self.tools).scope.split()) == known.scopes
            else:
                self.refused(
                    InvalidApiKeyError, lambda known=known: authenticate_api_key(known.key.api_key, self.tools)
                )

    @invariant()
    def no_key_has_two_successors(self):
        """Ask the keys themselves, whoever replaced them, and however often somebody tried."""
        replaced = [id(known.replaces) for known in self.known if known.replaces is not None]
        assert len(replaced) == len(set(replaced))

    @invariant()
    def no_key_has_two_predecessors_that_live(self):
        """Count, for each key, those before it that still work."""
        for known in self.known:
            before, living = known.replaces, 0
            while before is not None:
                living, before = living + self.lives(before), before.replaces
            assert living <= 1


def test_no_history_lets_a_key_live_longer_or_do_more_than_it_was_made_for(tools, tenant, clock):
    """
    B5, B6, I10: create, rotate, change, revoke and wait in any order, and try every key that ever was after each.
    """
    machine = type("OnThisDatabase", (KeyLife,), {"tools": tools, "tenant": tenant, "clock": clock})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
