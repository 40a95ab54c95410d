"""What a limit is, and how much of one is left."""

import math
from dataclasses import dataclass
from typing import NamedTuple

_WINDOW_SECONDS = 60
# Of less, a worker would refuse those who mistype once.
_LEAST_SHARE = 5


@dataclass(frozen=True)
class Limit:
    """What may be done how often, as clients are told: `quota` times in `window_seconds`, by `policy`."""

    policy: str
    quota: int
    window_seconds: int = _WINDOW_SECONDS


@dataclass(frozen=True)
class Window:
    """How often a thing was done in the window that is open, and after how many seconds that is over."""

    count: int
    left_seconds: float

    @property
    def whole_seconds(self) -> int:
        """Give after how many whole seconds it is certainly over."""
        return max(1, math.ceil(self.left_seconds))


@dataclass(frozen=True)
class Spent:
    """A limit that is used up, and after how many whole seconds it is not any more."""

    limit: Limit
    retry_after_seconds: int


class Standing(NamedTuple):
    """A limit against which something was counted, how often this was done by now, and when it begins anew."""

    limit: Limit
    used: int
    resets_in_seconds: int

    @property
    def remaining(self) -> int:
        """Tell how often it may be done until then."""
        return max(0, self.limit.quota - self.used)

    @property
    def just_reached(self) -> bool:
        """Tell whether this was the last that is allowed; of many at once, it is so for one."""
        return self.used == self.limit.quota

    @property
    def spent(self) -> Spent | None:
        """Give the limit, if this went beyond it."""
        return Spent(self.limit, self.resets_in_seconds) if self.used > self.limit.quota else None


def share(quota: int, counting_apart: int) -> int:
    """
    Give what each of so many that count apart may let through, so that all together let through a quota.

    It is never less than five, or than the quota where that is less: of more than a few, all together let through more.
    """
    return max(math.ceil(quota / counting_apart), min(quota, _LEAST_SHARE))
