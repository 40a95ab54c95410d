"""Keys that may be used from some networks only, tenants that are suspended, and keys that revoke each other."""

import ipaddress
import itertools
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from sqlalchemy import select

from app.domain.api_keys.tables import ApiKeyRow
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.change_api_key import change_api_key
from app.flows.change_tenant import change_tenant
from app.flows.refusals import (
    InvalidApiKeyError,
    InvalidRequestError,
    KeyElsewhereError,
    KeyNotActiveError,
    NotFoundError,
    TenantSuspendedError,
)
from app.flows.results import Changes, KeyChanges, Sender
from app.flows.revoke_api_key import revoke_api_key
from app.flows.rotate_api_key import Reason, rotate_api_key
from app.foundation.sender import NOBODY
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
RARELY = st.sampled_from([False, False, False, True])
_NUMBERS = itertools.count(1)


def lie_within(networks, others):
    """Tell whether all of these addresses are among those; None is all there are."""
    if networks is None or others is None:
        return others is None
    return all(any(_lies_within(ipaddress.ip_network(one), each) for each in others) for one in networks)


def _lies_within(one: Any, other: str) -> bool:
    network: Any = ipaddress.ip_network(other)
    return one.version == network.version and bool(one.subnet_of(network))


class KeyPlaces(KeyLife):
    """Whoever holds a key or stole it, at home or elsewhere, their owner and an operator, in any order."""

    operator: str

    @initialize(seconds=st.sampled_from([600, 3600]), networks=st.none() | NETWORKS)
    def create_one_that_ends_and_one_that_is_confined(self, seconds, networks):
        """Begin where histories are made."""
        end = self.after(seconds)
        key = a_named_key(self.tools, self.tenant, "keys:write rooms:read", expires_at=end)
        self.known.append(Known(key, end, frozenset({"keys:write", "rooms:read"})))
        self.create_confined(None, networks)

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

    @rule(number=st.integers(0, 15), microseconds=st.sampled_from([-1, 0]))
    def wait_for_an_end(self, number, microseconds):
        """It gets as late as a key can live, to the microsecond."""
        known = self.pick(number)
        seconds = (known.ends_at - self.clock.now()).total_seconds()
        if 1 <= seconds <= 3600:
            self.clock.step(seconds=seconds, microseconds=microseconds)

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
            ends_at = self.after(10**9) if by_whom is None else by_whom.until
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
        elif known.replaced or known.grace_at or not self.lives(known):
            self.refused(KeyNotActiveError, ask)
        elif not lie_within(networks, own):
            self.refused(InvalidRequestError, ask)
        else:
            after = ask()
            assert (after.networks, after.metadata) == (networks, changes.metadata)

    @rule(by_number=st.integers(0, 3), number=st.integers(0, 3))
    def rotate_by_another(self, by_number, number):
        """Whoever has a key is shown the successor of another, if that may do no more, from nowhere else, no longer."""
        self.rotate(by_number=by_number, number=number, grace=600, stolen=False)

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
        reason: Reason = "compromised" if stolen else "routine"
        name = name_of(known.key)
        self.refused(
            KeyNotActiveError,
            lambda: rotate_api_key(operator, self.tenant.id, 60, reason, self.tools, presented_id=name),
        )
        if stolen:
            self.end(known)
        change_tenant(operator, self.tenant.id, Changes(suspended=False), self.tools)
