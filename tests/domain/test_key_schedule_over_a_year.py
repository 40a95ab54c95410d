"""A year of signing keys on four workers, and any other history: no verifier meets a key that it cannot know."""

import contextlib
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.flows.activate_signing_key import activate_signing_key
from app.flows.import_signing_key import import_signing_key
from app.flows.refusals import NotFoundError, UnsafeKeyStepError
from app.flows.retire_signing_key import retire_signing_key
from app.flows.tools import Tools
from tests.builders import Tenant, a_tenant
from tests.clock import StillClock
from tests.domain.key_world import SKEW_SECONDS, SkewedClock, World, skewed
from tests.signing_keys import records, the

SKEWS = (-SKEW_SECONDS, SKEW_SECONDS, 0, 7.5)
REFUSALS = (NotFoundError, UnsafeKeyStepError)


def workers(worker, truth, kinds=("Ed25519",) * 4):
    """Start four workers, each with a clock of its own."""
    settings = {"SIGNING_KEY_DAYS": "30"}
    return [
        worker(SkewedClock(truth, skew), SIGNING_ALGORITHM=kind, **settings)
        for skew, kind in zip(SKEWS, kinds, strict=True)
    ]


def moments(tools):
    """List when something is due, or was: from five minutes before to five after, every minute counts."""
    for key in records(tools):
        yield key.published_at
        yield key.published_at + timedelta(minutes=11)
        if key.state == "active":
            yield (key.activated_at or key.published_at) + timedelta(days=30)
        if key.verify_until is not None:
            yield key.verify_until


def step_of(world):
    """Jump by hours, but not past what is due, and go by minutes around it."""
    now, near = world.truth.now(), timedelta(minutes=6)
    far = timedelta(hours=world.chance.uniform(2, 12))
    for moment in moments(world.workers[0]):
        if moment - near <= now < moment + near:
            return timedelta(seconds=world.chance.uniform(5, 120))
        if now < moment - near:
            far = min(far, moment - near - now)
    return max(far, timedelta(seconds=1))


def rotated(tools):
    """Rotate by hand, if it is safe; tell whether it was."""
    with contextlib.suppress(*REFUSALS):
        return bool(activate_signing_key(None, None, tools))
    return False


@pytest.mark.parametrize(("kind", "days"), [("Ed25519", 365), ("ES256", 62), ("RS256", 31)])
def test_a_year_of_rotations_breaks_no_verifier(worker, kind, days):
    """
    E1, E2, E3: rotated every thirty days by whichever worker comes first, and now and then by an impatient operator,
    with clocks that differ by a minute, idle workers, and verifiers that keep what they fetched for exactly max-age: no
    `kid` is unknown, no good token is refused, never do two keys sign, and nothing private is published.
    """
    truth = StillClock()
    made = workers(worker, truth, (kind,) * 4)
    world = World(truth, made, a_tenant(made[0]), seed=days)
    end = truth.now() + timedelta(days=days)

    impatient = False

    while truth.now() < end:
        truth.step(seconds=step_of(world).total_seconds())
        if world.chance.random() < 0.7:
            world.tend(world.chance.randrange(4))
        if world.chance.random() < 0.3:
            world.issue(world.chance.randrange(4))
        worker_of_the_operator = world.workers[world.chance.randrange(4)]
        if not impatient and world.chance.random() < 0.004:
            retire_signing_key(the(worker_of_the_operator, "standby"), None, worker_of_the_operator)
            impatient = True
        if impatient:
            impatient = not rotated(worker_of_the_operator)
            world.issue(world.chance.randrange(4))
        world.hold()

    rotations = len([key for key in records(made[0]) if key.retired_at is not None])
    assert rotations >= days // 30
    assert world.checked > 2 * days


class KeyMachine(RuleBasedStateMachine):
    """Workers, operators and clocks, in any order; two hosts want another algorithm than the others."""

    made: list[Tools]
    truth: StillClock
    tenant: Tenant

    def __init__(self) -> None:
        super().__init__()
        self.truth.reset()
        for each, skew in zip(self.made, SKEWS, strict=True):
            skewed(each).skew_seconds = skew
        self.world = World(self.truth, self.made, self.tenant, seed=1)

    @rule(seconds=st.sampled_from([1, 4, 5, 6, 30, 59, 150, 299, 300, 301, 600, 660, 661, 1800, 3600, 3730, 3791]))
    def wait(self, seconds):
        """Time passes."""
        self.truth.step(seconds=seconds)

    @rule(days=st.sampled_from([1, 29, 30, 31]))
    def sleep(self, days):
        """A long time passes."""
        self.truth.step(days=days)

    @rule(number=st.integers(0, 3))
    def tend(self, number):
        """A worker takes what is due."""
        self.world.tend(number)

    @rule(number=st.integers(0, 3))
    def issue(self, number):
        """A worker issues a token."""
        self.world.issue(number)

    @rule(number=st.integers(0, 3), seconds=st.floats(-SKEW_SECONDS, SKEW_SECONDS))
    def drift(self, number, seconds):
        """A host's clock is set."""
        self.world.drift(number, seconds)

    @rule(number=st.integers(0, 3))
    def rotate(self, number):
        """An operator rotates, or is refused."""
        rotated(self.world.workers[number])

    @rule(number=st.integers(0, 3), seconds=st.sampled_from([239, 299, 300, 359, 599, 659, 660, 690, 720]))
    def hurry(self, number, seconds):
        """An operator wants another key, and soon: now published, and rotated to as early as may be."""
        self.world.hold()
        with contextlib.suppress(*REFUSALS):
            retire_signing_key(the(self.made[0], "standby"), None, self.world.workers[number])
        self.truth.step(seconds=5)
        self.world.hold()
        self.truth.step(seconds=seconds - 5)
        rotated(self.world.workers[-1 - number])
        self.world.issue(number)

    @rule(number=st.integers(0, 3), pick=st.integers(0, 5))
    def retire(self, number, pick):
        """An operator lets any key go, or is refused."""
        keys = records(self.world.workers[0])
        with contextlib.suppress(*REFUSALS):
            retire_signing_key(keys[-1 - pick % len(keys)].kid, None, self.world.workers[number])

    @rule(number=st.integers(0, 1))
    def bring(self, number):
        """An operator brings a key."""
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        import_signing_key(made, self.world.workers[number])

    @invariant()
    def every_token_is_good(self):
        """E1, E2, E3."""
        self.world.hold()

    def teardown(self):
        """When all is over, keys have gone with their last token."""
        self.truth.step(seconds=3730 + 2 * SKEW_SECONDS)
        self.world.tend(0)
        now = self.world.workers[0].clock.now()
        for key in records(self.made[0]):
            assert key.verify_until is None or (key.verify_until > now) == (key.state == "retired")


@pytest.mark.parametrize("kinds", [("Ed25519",) * 4, ("Ed25519", "Ed25519", "ES256", "ES256")], ids=["one", "two"])
def test_any_history_of_the_keys_breaks_no_verifier(worker, kinds):
    """
    E1, E2, E3, D11: whatever workers, operators and clocks do, short of force, and also while hosts disagree about the
    algorithm.
    """
    truth = StillClock()
    made = workers(worker, truth, kinds)
    given = {"made": made, "truth": truth, "tenant": a_tenant(made[0])}

    run_state_machine_as_test(
        type("Machine", (KeyMachine,), given),
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
