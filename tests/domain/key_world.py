"""Workers on one database, whose clocks differ, and verifiers that know nothing but the cache headers."""

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete

from app.domain.signing_keys import Keyring
from app.domain.signing_keys.tables import SigningKeyRow
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.look_up import look_up_jwks
from app.flows.tend_signing_keys import tend_signing_keys
from app.flows.tools import Tools
from tests.builders import Tenant, a_pair
from tests.clock import StillClock
from tests.forgery import claims_of
from tests.signing_keys import Jwk, published, records, verify

MAX_AGE = timedelta(seconds=300)
SKEW_SECONDS = 30


class SkewedClock:
    """A host's clock: the true time, and some seconds before or behind."""

    def __init__(self, truth: StillClock, skew_seconds: float = 0) -> None:
        self.truth = truth
        self.skew_seconds = skew_seconds

    def now(self) -> datetime:
        """Tell what the host believes."""
        return self.truth.now() + timedelta(seconds=self.skew_seconds)


def skewed(worker: Tools) -> SkewedClock:
    """Give the clock of a worker's host, to be set."""
    assert isinstance(worker.clock, SkewedClock)
    return worker.clock


@dataclass
class Verifier:
    """A resource server that keeps the JWKS for exactly max-age, and asks again when it needs it after that."""

    fetched_at: datetime | None = None
    keys: dict[str, Jwk] = field(default_factory=dict)

    def refresh(self, worker: Tools, now: datetime) -> None:
        """Ask for the JWKS if it is time; an unknown `kid` is no reason to ask sooner."""
        if self.fetched_at is None or now - self.fetched_at >= MAX_AGE:
            self.keys, self.fetched_at = published(look_up_jwks(worker)), now


class World:
    """The workers, the verifiers, and every token that lives."""

    def __init__(self, truth: StillClock, workers: Sequence[Tools], tenant: Tenant, seed: int) -> None:
        self.truth = truth
        self.tenant = tenant
        self.chance = random.Random(seed)
        self.verifiers = [Verifier() for _ in range(3)]
        self.tokens: dict[str, int] = {}
        self.checked = 0
        with workers[0].database.transaction() as connection:
            connection.execute(delete(SigningKeyRow))
        self.workers = [dataclasses.replace(each, keyring=Keyring(each.keyring.wrapping_keys)) for each in workers]
        self.tend(0)

    def tend(self, number: int) -> None:
        """Let a worker take what is due, as it does beside its requests."""
        tend_signing_keys(self.workers[number])

    def issue(self, number: int) -> None:
        """Let a worker issue a token, whatever it did last and however long ago."""
        token = a_pair(self.workers[number], self.tenant).access_token
        self.tokens[token] = claims_of(token)["exp"]

    def drift(self, number: int, skew_seconds: float) -> None:
        """Set a worker's clock before or behind."""
        skewed(self.workers[number]).skew_seconds = skew_seconds

    def hold(self) -> None:
        """
        Hold the promise against the world: every living token is good with every verifier, and with a worker of ours;
        one key signs.
        """
        now = self.truth.now()
        # A verifier's clock may be behind as well.
        self.tokens = {token: exp for token, exp in self.tokens.items() if now.timestamp() < exp + SKEW_SECONDS}
        for verifier in self.verifiers:
            verifier.refresh(self.chance.choice(self.workers), now)
        for token in self.tokens:
            for verifier in self.verifiers:
                verify(token, verifier.keys)
            self.checked += 1
        # The oldest, and any other: our own API takes the database along, and so more time.
        for token in {*list(self.tokens)[:1], *self.chance.sample(list(self.tokens), min(1, len(self.tokens)))}:
            if now.timestamp() < self.tokens[token] - 2 * SKEW_SECONDS:
                assert authenticate_access_token(token, self.chance.choice(self.workers)).kind == "token"
        states = [key.state for key in records(self.workers[0])]
        assert states.count("active") == 1
        assert states.count("standby") <= 1
