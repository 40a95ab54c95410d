"""Any history of keys once more, with networks, notes, suspensions, revocations by others and requests sent twice."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import Row

from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.refusals import IdempotencyKeyReusedError, InvalidApiKeyError
from app.flows.results import AlreadyDone, CreatedKey, Once, Reply
from app.flows.rotate_api_key import Reason, rotate_api_key
from tests.builders import Tenant, an_operator
from tests.domain.key_places import RARELY, KeyPlaces
from tests.domain.test_api_key_life import PICKS, Known
from tests.guessers import id_of
from tests.named_keys import name_of

# What one key has and its successor need not; all else it must have, whatever columns there will be.
OF_ITS_OWN = {
    *("id", "mac", "pepper_id", "created_at", "replaces", "grace_ends_at", "revoked_at", "suspended_at"),
    *("last_used_at", "last_used_address"),
}
HISTORIES, STEPS, EVERYBODY = 15, 20, 4
TEN_MINUTES = timedelta(minutes=10)
# So long are replies remembered.
A_DAY = timedelta(days=1)
_NUMBERS = itertools.count(1)


@dataclass
class Sent:
    """A rotation that was asked for with an Idempotency-Key: by whom, of which key, and what was answered."""

    by_whom: Tenant
    old: Known
    once: Once[CreatedKey]
    reply: Reply
    grace: int
    at: datetime
    ended: bool


class KeyLines(KeyPlaces):
    """The same, where requests are sent twice."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Row[Any]] = {}
        self.sent: list[Sent] = []

    @rule(by_itself=st.booleans(), number=PICKS, grace=st.sampled_from([900, 900, 1, 0]), stolen=RARELY)
    def rotate_once(self, by_itself, number, grace, stolen):
        """The owner or a key itself replaces it, by a request that carries an Idempotency-Key."""
        active = [known for known in self.known if self.lives(known) and not known.replaced]
        if not active:
            return
        old = active[-1 - number % len(active)]
        by_whom = old.key if by_itself else self.tenant
        printed: list[CreatedKey] = []

        def print_reply(created):
            printed.append(created)
            return Reply(200, created.issued.text.encode())

        once = Once(f"rotation-{next(_NUMBERS):016}", f"/keys/{id_of(old.key)}", b"{}", print_reply)
        self.send(by_whom, old, once, grace, stolen=stolen)
        sent = Sent(by_whom, old, once, print_reply(printed[0]), grace, self.clock.now(), stolen)
        self.sent.append(sent)
        self.replace(old, Tenant(self.tenant.id, printed[0].issued.text), 0 if stolen else grace)

    @rule(microseconds=st.sampled_from([-1, 0]))
    def wait_for_the_end_of_a_reply(self, microseconds):
        """It gets as late as a retired key may fetch its successor, to the microsecond."""
        ends = [sent.at + TEN_MINUTES for sent in self.sent if sent.at + TEN_MINUTES > self.clock.now()]
        if ends:
            self.clock.step(seconds=(ends[-1] - self.clock.now()).total_seconds(), microseconds=microseconds)

    def send(self, by_whom, old, once, grace, *, stolen):
        """Ask for a rotation."""
        reason: Reason = "compromised" if stolen else "routine"
        caller, name = self.called(by_whom), name_of(old.key)
        return rotate_api_key(caller, self.tenant.id, grace, reason, self.tools, presented_id=name, once=once)

    def end(self, known):
        """Remember that a key was ended for good: it fetches nothing any more."""
        super().end(known)
        for sent in self.sent:
            if sent.old is known:
                sent.ended = True

    def replace(self, old, key, grace):
        """Remember that a key was replaced: who uses it has heard of it, so its own predecessor fetches it no more."""
        super().replace(old, key, grace)
        for sent in self.sent:
            if sent.old is old.replaces:
                sent.ended = True

    @invariant()
    def a_request_sent_again_changes_nothing(self):
        """It gets the same reply; and so does a key that it retired, for as long as it may, with which it was sent."""
        for sent in self.sent[-2:]:
            self.send_again(sent)

    def send_again(self, sent):
        """Send it as it was, and with another body, and by the key that it retired."""
        if self.clock.now() >= sent.at + A_DAY:
            return
        itself = sent.by_whom.api_key == sent.old.key.api_key
        if not itself or self.lives(sent.old):
            other = Once(sent.once.key, sent.once.path, b'{"grace_period":7}', sent.once.print_reply)
            for once, expected in ((sent.once, AlreadyDone), (other, IdempotencyKeyReusedError)):
                self.refused(
                    expected, lambda once=once: self.send(sent.by_whom, sent.old, once, sent.grace, stolen=False)
                )
        recent = self.clock.now() < sent.at + TEN_MINUTES

        def fetch():
            with pytest.raises(AlreadyDone) as done:
                authenticate_api_key(sent.old.key.api_key, self.tools, once=sent.once)
            return done.value.reply

        if self.lives(sent.old):
            return
        if itself and recent and not sent.ended:
            assert fetch() == sent.reply
        else:
            self.refused(
                InvalidApiKeyError,
                lambda: authenticate_api_key(sent.old.key.api_key, self.tools, once=sent.once),
            )

    def teardown(self):
        """At the end, everybody tries everything: whatever state was reached is not wasted on what came next."""
        if len(self.known) % 2:
            self.wait_for_the_end_of_a_reply(microseconds=0)
            self.a_request_sent_again_changes_nothing()
        for number, sent in enumerate(self.sent):
            known = len(self.known) - 1 - self.known.index(sent.old)
            if number % 2:
                self.revoke_another(by_number=None, number=known)
            else:
                self.rotate(by_number=None, number=known, grace=0, stolen=True)
            self.send_again(sent)
        for number in range(EVERYBODY):
            self.change(number=number, scopes=None, seconds=86_400)
            self.confine(by_number=None, number=number, networks=["10.0.0.0/8"])
        for by_number, number in itertools.product(range(EVERYBODY), repeat=2):
            self.confine(by_number=by_number, number=number, networks=None)
            self.rotate_by_another(by_number=by_number, number=number)
            # Before the successor is changed in its turn.
            self.nothing_was_gained()
        self.nothing_was_gained()
        self.every_key_is_what_it_must_be()

    @invariant()
    def nothing_was_gained(self):
        """Of every row: no scope, no time and no life came back; a successor is its predecessor again."""
        rows, before = self.rows(), self.seen
        for row in rows.values():
            assert row.grace_ends_at is None or row.expires_at is None or row.grace_ends_at <= row.expires_at
            old = before.get(row.id)
            if old is not None:
                assert set(row.scopes.split()) <= set(old.scopes.split())
                assert old.expires_at is None or row.expires_at <= old.expires_at
                assert old.grace_ends_at is None or row.grace_ends_at <= old.grace_ends_at
                assert old.revoked_at in {None, row.revoked_at}
            elif row.replaces is not None:
                assert kept(row) == kept(rows[row.replaces])
        self.seen = rows


def kept(row):
    """Give all of a key's row that its successor has as well."""
    return {name: value for name, value in row._mapping.items() if name not in OF_ITS_OWN}


def test_no_history_lets_a_key_gain_anything_whatever_else_happens(tools, tenant, clock):
    """
    B5, B6, B10, I10: confine, suspend, revoke each other, rotate twice by one request: none lives longer, works from
    elsewhere, gains a scope, or has two successors.
    """
    operator = an_operator(tools)
    machine = type("Here", (KeyLines,), {"tools": tools, "tenant": tenant, "clock": clock, "operator": operator})
    usual = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))

    # Of one length, where the library would rather have short histories; and always the same.
    run_state_machine_as_test(
        machine, settings=settings(usual, max_examples=HISTORIES, stateful_step_count=STEPS), _min_steps=STEPS
    )
