"""Any history of keys once more, with networks, notes, suspensions, revocations by others and requests sent twice."""

import ipaddress
import itertools
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import Row, select

from app.domain.api_keys.tables import ApiKeyRow
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_api_key import change_api_key
from app.flows.change_tenant import change_tenant
from app.flows.fetch_rotation import fetch_rotation
from app.flows.refusals import (
    IdempotencyKeyReusedError,
    InvalidApiKeyError,
    InvalidRequestError,
    KeyElsewhereError,
    KeyNotActiveError,
    NotFoundError,
    TenantSuspendedError,
)
from app.flows.results import AlreadyDone, Changes, KeyChanges, Once, Reply, Sender
from app.flows.revoke_api_key import revoke_api_key
from app.flows.rotate_api_key import rotate_api_key
from app.foundation.sender import NOBODY
from tests.builders import Tenant, an_operator
from tests.domain.test_api_key_life import PICKS, KeyLife, Known
from tests.guessers import id_of
from tests.named_keys import a_named_key, name_of

NETWORKS = st.lists(
    st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.0.2.0/24", "2001:db8::/32"]),
    min_size=1,
    max_size=2,
    unique=True,
)
ADDRESSES = st.sampled_from(["10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "::ffff:10.1.2.3"])
# What one key has and its successor need not; all else it must have, whatever columns there will be.
OF_ITS_OWN = {
    *("id", "mac", "pepper_id", "created_at", "replaces", "grace_ends_at", "revoked_at", "suspended_at"),
    *("last_used_at", "last_used_address"),
}
RARELY = st.sampled_from([False, False, False, True])
TEN_MINUTES = 600
_NUMBERS = itertools.count(1)


def lie_within(networks, others):
    """Tell whether all of these addresses are among those; None is all there are."""
    if networks is None or others is None:
        return others is None
    parsed = [ipaddress.ip_network(each) for each in others]
    return all(
        any(one.version == other.version and one.subnet_of(other) for other in parsed)
        for one in map(ipaddress.ip_network, networks)
    )


@dataclass
class Sent:
    """A rotation that was asked for with an Idempotency-Key: by whom, of which key, and what was answered."""

    by_whom: Tenant
    old: Known
    once: Once
    reply: Reply
    grace: int
    stolen: bool
    at: float
    bodies: list = field(default_factory=list)


class KeyLines(KeyLife):
    """Who holds a key or stole it, their owner and an operator, in any order."""

    operator: str

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Row] = {}
        self.sent: list[Sent] = []

    def rows(self):
        """Read the rows of all keys of this history."""
        ids = [id_of(known.key) for known in self.known]
        with self.tools.database.reading() as connection:
            found = connection.execute(select(ApiKeyRow.__table__).where(ApiKeyRow.id.in_(ids))).all()
        return {row.id: row for row in found}

    def networks(self, known):
        """Give where a key may be used from."""
        row = self.rows()[id_of(known.key)]
        return None if row.networks is None else row.networks.split(" ")

    def reaches(self, by_whom, other):
        """Tell whether one key may be used from wherever another may."""
        return lie_within(self.networks(other), self.networks(by_whom))

    def whose(self, number):
        """Give the key of a caller and where it may be used from: one of them, or without a number the owner's."""
        if number is None:
            return self.tenant, None, None
        known = self.pick(number)
        return known.key, self.networks(known), known

    def called(self, key, sender=NOBODY):
        """Authenticate by a key."""
        return authenticate_api_key(key.api_key, self.tools, sender=sender)

    @rule(creator=st.none() | PICKS, networks=st.none() | NETWORKS)
    def create_confined(self, creator, networks):
        """A new key is at home where its maker is, or within."""
        key, own, by_whom = self.whose(creator)

        def ask():
            return a_named_key(self.tools, key, "keys:write", networks=networks)

        if by_whom is not None and not self.lives(by_whom):
            self.refused(InvalidApiKeyError, ask)
        elif networks is not None and not lie_within(networks, own):
            self.refused(InvalidRequestError, ask)
        else:
            ends_at = self.after(10**9) if by_whom is None else by_whom.ends_at
            self.known.append(Known(ask(), ends_at, frozenset({"keys:write"})))
            assert self.networks(self.known[-1]) == (networks or own)

    @rule(by_number=st.none() | PICKS, number=PICKS, networks=st.none() | NETWORKS)
    def confine(self, by_number, number, networks):
        """Whoever has a key says from where one may be used; only from where their own may."""
        (key, own, by_whom), known = self.whose(by_number), self.pick(number)
        changes = KeyChanges(networks=networks, from_everywhere=networks is None, metadata=f'"{next(_NUMBERS)}"')

        def ask():
            return change_api_key(self.called(key), self.tenant.id, name_of(known.key), changes, self.tools)

        if by_whom is not None and not self.lives(by_whom):
            self.refused(InvalidApiKeyError, ask)
        elif known.replaced or not self.lives(known):
            self.refused(KeyNotActiveError, ask)
        elif not lie_within(networks, own):
            self.refused(InvalidRequestError, ask)
        else:
            after = ask()
            assert (after.networks, after.metadata) == (networks, changes.metadata)

    @rule(number=PICKS, address=ADDRESSES)
    def use(self, number, address):
        """Somebody uses a key from an address."""
        known = self.pick(number)
        plain = address.removeprefix("::ffff:")
        inside = lie_within([f"{plain}/{128 if ':' in plain else 32}"], self.networks(known))
        if self.lives(known) and inside:
            assert self.called(known.key, Sender(address)).scope
        else:
            expected = KeyElsewhereError if self.lives(known) else InvalidApiKeyError
            self.refused(expected, lambda: self.called(known.key, Sender(address)))

    @rule(by_number=st.none() | PICKS, number=PICKS)
    def revoke_another(self, by_number, number):
        """Whoever has a key revokes any; also one that has expired, for which it is too late."""
        (key, _, by_whom), known = self.whose(by_number), self.pick(number)

        def ask():
            return revoke_api_key(self.called(key), self.tenant.id, name_of(known.key), self.tools)

        if by_whom is not None and not self.lives(by_whom):
            self.refused(InvalidApiKeyError, ask)
            return
        if self.rows()[id_of(known.key)].revoked_at is not None:
            self.refused(NotFoundError, ask)
        else:
            ask()
        self.end(known)

    @rule(number=PICKS, stolen=RARELY, seconds=st.sampled_from([0.000001, 1, 60]))
    def suspend_for_a_while(self, number, stolen, seconds):
        """While the tenant may not act, no key does anything and none is replaced; what is over stays over."""
        operator, known = authenticate_api_key(self.operator, self.tools), self.pick(number)
        change_tenant(operator, self.tenant.id, Changes(suspended=True), self.tools)
        self.clock.step(seconds=seconds)
        for each in self.known:
            expected = TenantSuspendedError if self.lives(each) else InvalidApiKeyError
            self.refused(expected, lambda each=each: self.called(each.key))
        reason = "compromised" if stolen else "routine"
        name = name_of(known.key)
        self.refused(
            KeyNotActiveError,
            lambda: rotate_api_key(operator, self.tenant.id, 60, reason, self.tools, presented_id=name),
        )
        if stolen:
            self.end(known)
        change_tenant(operator, self.tenant.id, Changes(suspended=False), self.tools)

    @rule(by_itself=st.booleans(), number=PICKS, grace=st.sampled_from([900, 900, 1, 0]), stolen=RARELY)
    def rotate_once(self, by_itself, number, grace, stolen):
        """The owner or a key itself replaces it, by a request that carries an Idempotency-Key."""
        active = [known for known in self.known if self.lives(known) and not known.replaced]
        if not active:
            return
        old = active[-1 - number % len(active)]
        by_whom = old.key if by_itself else self.tenant
        printed: list = []

        def print_reply(created):
            printed.append(created)
            return Reply(200, created.issued.text.encode())

        once = Once(f"rotation-{next(_NUMBERS):016}", f"/keys/{id_of(old.key)}", b"{}", print_reply)
        self.send(by_whom, old, once, grace, stolen=stolen)
        sent = Sent(by_whom, old, once, print_reply(printed[0]), grace, stolen, self.clock.now().timestamp())
        self.sent.append(sent)
        self.replace(old, Tenant(self.tenant.id, printed[0].issued.text), 0 if stolen else grace)

    def send(self, by_whom, old, once, grace, *, stolen):
        """Ask for a rotation."""
        reason = "compromised" if stolen else "routine"
        caller, name = self.called(by_whom), name_of(old.key)
        return rotate_api_key(caller, self.tenant.id, grace, reason, self.tools, presented_id=name, once=once)

    def end(self, known):
        """Remember that a key was ended for good: it fetches nothing any more."""
        super().end(known)
        for sent in self.sent:
            if sent.old is known:
                sent.stolen = True

    @invariant()
    def a_request_sent_again_changes_nothing(self):
        """It gets the same reply; and so does a key that it retired, for as long as it may, with which it was sent."""
        for sent in self.sent[-2:]:
            self.send_again(sent)

    def send_again(self, sent):
        """Send it as it was, and with another body, and by the key that it retired."""
        itself = sent.by_whom.api_key == sent.old.key.api_key
        if not itself or self.lives(sent.old):
            other = Once(sent.once.key, sent.once.path, b'{"grace_period":7}', sent.once.print_reply)
            for once, expected in ((sent.once, AlreadyDone), (other, IdempotencyKeyReusedError)):
                self.refused(
                    expected, lambda once=once: self.send(sent.by_whom, sent.old, once, sent.grace, stolen=False)
                )
        recent = self.clock.now().timestamp() < sent.at + TEN_MINUTES

        def fetch():
            return fetch_rotation(sent.old.key.api_key, sent.once, self.tools, sender=NOBODY)

        if itself and recent and not sent.stolen:
            assert fetch() == sent.reply
        else:
            self.refused(InvalidApiKeyError, fetch)

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
                assert old.grace_ends_at in {None, row.grace_ends_at}
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
    machine = type(
        "OnThisDatabase", (KeyLines,), {"tools": tools, "tenant": tenant, "clock": clock, "operator": operator}
    )

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
