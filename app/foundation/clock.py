"""The time. Nobody else asks for it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Whatever tells the time."""

    def now(self) -> datetime:
        """Tell the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Tell the present moment, aware, in UTC, to the microsecond."""
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Print a moment as RFC 3339 in UTC, whole seconds, with `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
