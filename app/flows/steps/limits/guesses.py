"""What becomes of credentials that may be guesses: heard or not, counted, remembered."""

import ipaddress
from collections.abc import Sequence

from app.domain import api_keys
from app.domain.rate_limits import Guess, Spent
from app.flows.refusals import (
    InvalidApiKeyError,
    KeyElsewhereError,
    KeyInBrowserError,
    RateLimitedError,
    ServiceError,
    TenantSuspendedError,
)
from app.flows.steps.limits.quotas import count_use
from app.flows.steps.master_keys import Admissible
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id
from app.foundation.sender import Sender


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


def hear_key(
    text: str, parsed: api_keys.PresentedKey | None, source: str | None, tools: Tools
) -> api_keys.PresentedKey:
    """
    Take a string for an API key, before the database is asked: typing errors and noise cost nothing, and delay nobody.

    Args:
        text: untrusted; never stored, never logged.
        parsed: what it was read as; None when it is not written like one.
        source: the address that it comes from; None when it does not come over the network.
        tools: the story's tools.

    Raises:
        InvalidApiKeyError: it is not written like one.
        RateLimitedError: too many wrong ones came from this source.
    """
    guess = Guess(source, None if parsed is None else parsed.id, text)
    must_be_heard(guess, tools)
    if parsed is None:
        raise wrong(guess, InvalidApiKeyError(), tools)
    return parsed


def admit_key(
    outcome: Admissible,
    presented: api_keys.PresentedKey,
    sender: Sender,
    tools: Tools,
    *,
    counted: api_keys.Key | None = None,
) -> api_keys.Key:
    """
    Give the key that was authenticated, or refuse: a rejected one, one of a suspended tenant, and one that is used from
    a browser or from elsewhere, where it may not be, or more often.

    `counted` is the key as which this use was counted before, which counts unless its limit is another by now.

    Raises:
        InvalidApiKeyError, TenantSuspendedError, KeyInBrowserError, KeyElsewhereError, QuotaSpentError: as they say.
        RateLimitedError: it is wrong, and was for too often.
    """
    if isinstance(outcome, api_keys.Rejected):
        raise wrong(Guess(sender.address, presented.id, presented.text), InvalidApiKeyError(), tools)
    key = outcome.key
    _recognise(key, presented, sender, tools)
    if outcome.suspended:
        raise TenantSuspendedError
    if sender.from_browser and not key.from_browsers:
        _note_sighting(key, sender, tools)
        raise KeyInBrowserError
    if not _may_come_from(sender.address, key.networks):
        logs.event("api_key.elsewhere", key=api_keys.key_name(key.id), source=sender.address)
        raise KeyElsewhereError
    note_use(key, sender, tools)
    # Last: nobody but its owner, from where they may be, uses up what it may.
    if counted is None or counted.requests_per_minute != key.requests_per_minute:
        count_use(key, tools)
    return key


def may_be_used(key: api_keys.Key, sender: Sender) -> bool:
    """Tell whether a key may be shown by this sender; nothing is noted or said."""
    return (key.from_browsers or not sender.from_browser) and _may_come_from(sender.address, key.networks)


def admit_known_key(key: api_keys.Key, presented: api_keys.PresentedKey, sender: Sender, tools: Tools) -> None:
    """
    Admit a key that is known from before and that may be used; whether it is so still, a statement will tell, and only
    then is its use noted.

    Raises:
        QuotaSpentError: it was used too often in this minute, as far as its limit is known.
    """
    _recognise(key, presented, sender, tools)
    count_use(key, tools)


def note_use(key: api_keys.Key, sender: Sender, tools: Tools) -> None:
    """Note when and from where a key was used."""
    tools.uses.note(key.id, api_keys.Use(tools.clock.now(), sender.address))


def _recognise(key: api_keys.Key, presented: api_keys.PresentedKey, sender: Sender, tools: Tools) -> None:
    right(Guess(sender.address, presented.id, presented.text), tools)
    tenant = None if key.tenant_id is None else print_id("tenant", key.tenant_id)
    logs.about(tenant=tenant, key=api_keys.key_name(key.id))


def _note_sighting(key: api_keys.Key, sender: Sender, tools: Tools) -> None:
    # Only noted: the story is in the middle of a transaction. And a page sends it with every click.
    now = tools.clock.now()
    if not tools.sightings.is_new(key.id, now):
        return
    logs.event("api_key.in_browser", key=api_keys.key_name(key.id), source=sender.address)
    if key.tenant_id is not None:
        tools.sightings.note(api_keys.Sighting(key.id, key.tenant_id, sender, now))


def _may_come_from(source: str | None, networks: Sequence[str] | None) -> bool:
    if networks is None or source is None:
        return True
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return False
    # A socket for both families names an IPv4 peer like this.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in ipaddress.ip_network(network) for network in networks)


def _refusal(spent: Spent) -> RateLimitedError:
    limit = spent.limit
    return RateLimitedError(limit.policy, limit.quota, limit.window_seconds, spent.retry_after_seconds)
