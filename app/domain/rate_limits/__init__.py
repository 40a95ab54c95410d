"""How often a stranger may guess before we stop listening; whoever holds the right key is always heard elsewhere."""

from app.domain.rate_limits.guesses import Counted, Guess, Guesses, Limit, Spent

__all__ = ["Counted", "Guess", "Guesses", "Limit", "Spent"]
