"""How often a stranger may guess, and how much a key may ask; whoever holds the right key is always heard elsewhere."""

from app.domain.rate_limits.guesses import Counted, Guess, Guesses
from app.domain.rate_limits.limits import Limit, Spent, Standing, share
from app.domain.rate_limits.quotas import Quotas
from app.domain.rate_limits.shared import Shared

__all__ = ["Counted", "Guess", "Guesses", "Limit", "Quotas", "Shared", "Spent", "Standing", "share"]
