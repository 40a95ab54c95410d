"""What becomes of credentials that may be guesses: heard or not, counted, remembered."""

from app.domain.rate_limits import Guess, Spent
from app.flows.refusals import RateLimitedError, ServiceError
from app.flows.tools import Tools
from app.foundation import logs


def must_be_heard(guess: Guess, tools: Tools) -> None:
    """
    Refuse a source that has guessed too often, before anything is looked up for it.

    Raises:
        RateLimitedError: it has, and shows nothing that worked lately.
    """
    spent = tools.guesses.is_unheard(guess)
    if spent is not None:
        raise _refusal(spent)


def wrong(guess: Guess, refusal: ServiceError, tools: Tools) -> ServiceError:
    """Count a credential that was wrong, and give what to raise for it: `refusal`, or that there were too many."""
    counted = tools.guesses.was_wrong(guess)
    for limit in counted.reached:
        logs.event("guesses.limited", limit=limit.policy, source=guess.source, credential=guess.name)
    return refusal if counted.spent is None else _refusal(counted.spent)


def right(guess: Guess, tools: Tools) -> None:
    """Remember a credential that was right."""
    tools.guesses.was_right(guess)


def _refusal(spent: Spent) -> RateLimitedError:
    limit = spent.limit
    return RateLimitedError(limit.policy, limit.quota, limit.window_seconds, spent.retry_after_seconds)
