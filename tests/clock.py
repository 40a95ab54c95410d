"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class StillClock:
    """Tells the same moment again and again; tests step it instead of sleeping."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        """Tell the moment at which it stands."""
        return self._now

    def reset(self) -> None:
        """Stand at the present again: independent verifiers look at the machine's clock."""
        self._now = datetime.now(UTC)

    def step(self, **delta: float) -> None:
        """Move by a timedelta's arguments, forward or back."""
        self._now += timedelta(**delta)


class SteppedClock(StillClock):
    """Goes on like the machine's, from where a test stepped it: for what is held against another clock."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Tell the present moment, and how far it was stepped."""
        return datetime.now(UTC) + self._ahead

    def reset(self) -> None:
        """Agree with the machine's again."""
        self._ahead = timedelta()

    def step(self, **delta: float) -> None:
        """Move by a timedelta's arguments, forward or back."""
        self._ahead += timedelta(**delta)
