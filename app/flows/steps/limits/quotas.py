"""What is counted against a limit: uses of keys, and tokens; and what becomes of whoever goes beyond one."""

from datetime import datetime
from uuid import UUID

from app.domain import api_keys, refresh_tokens
from app.domain.rate_limits import Spent, Standing
from app.flows.refusals import InvalidRequestError, QuotaSpentError
from app.flows.steps.callers import Rights
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.identifiers import print_id


def count_use(key: api_keys.Key, tools: Tools) -> None:
    """
    Count a use of a key that was authenticated, and may act from where it is: a stranger uses up nothing of it.

    Operators' keys and those of resource servers, which may be asked for every request of others, have no usual limit.

    Raises:
        QuotaSpentError: it was used too often in this minute.
    """
    if key.tenant_id is not None or key.requests_per_minute is not None:
        _must_be_within(tools.quotas.use_key(key.id, key.requests_per_minute), api_keys.key_name(key.id))


def count_token(tenant_id: UUID, session_id: UUID | None, tools: Tools) -> None:
    """
    Count a token just before it is made: asked for by a tenant's key or assertion, or by a session of it.

    What sessions ask for is counted apart, so that whoever holds one cannot use up what the tenant's keys have.

    Raises:
        QuotaSpentError: too many were asked for in this minute.
    """
    tenant = print_id("tenant", tenant_id)
    if session_id is None:
        _must_be_within(tools.quotas.mint_for_key(tenant), tenant)
        return
    session = refresh_tokens.session_name(session_id)
    _must_be_within(tools.quotas.use_session(session), session)
    _must_be_within(tools.quotas.mint_for_session(tenant), tenant)


def hold_back(presented: refresh_tokens.PresentedToken, tools: Tools, *, now: datetime) -> None:
    """
    Refuse to spend a refresh token that could be spent, if its session or its tenant's sessions ask for too many.

    Only that one: a token that was spent before is looked into whatever the limits say, or a thief in a hurry would
    keep the owner's from telling. No statement is needed, unless a limit is used up: whose session it is, the row says.

    Raises:
        QuotaSpentError: they do; the token can be used later.
    """
    session = refresh_tokens.session_name(presented.family_id)
    own = tools.quotas.use_session(session)
    beyond = own is not None and own.spent is not None
    if not beyond and not tools.quotas.any_spent():
        _tell(own, session)
        return

    with tools.database.reading() as connection:
        family = refresh_tokens.find(connection, presented.family_id)
    if family is None or family.generation != presented.generation or not family.lives_at(now):
        return
    _must_be_within(own, session)
    _must_be_left(tools.quotas.left_to_sessions(print_id("tenant", family.tenant_id)))


def count_refresh(family: refresh_tokens.Family, tools: Tools, *, spent_before: bool) -> None:
    """
    Count the token of a refresh.

    Args:
        family: of the token, which is spent by now.
        tools: the story's tools.
        spent_before: the answer is one that was given before, and was lost; then it may still be refused.

    Raises:
        QuotaSpentError: it is given again, too often.
    """
    if spent_before:
        _must_be_left(tools.quotas.left_to_session(refresh_tokens.session_name(family.id)), again=True)
    tenant = print_id("tenant", family.tenant_id)
    _tell(tools.quotas.mint_for_session(tenant), tenant)


def allows(rights: Rights, per_minute: int | None, tools: Tools) -> bool:
    """Tell whether a key with this limit, or the usual one, may be used no more often than the one that hands it on."""
    own = tools.quotas.limit_of_key(rights.requests_per_minute)
    if not rights.by_key or own is None:
        return True
    given = tools.quotas.limit_of_key(per_minute)
    return given is not None and given <= own


def must_allow(rights: Rights, per_minute: int | None, tools: Tools) -> None:
    """
    Refuse a limit of a key beyond that of the one that hands it on.

    Raises:
        InvalidRequestError: it is.
    """
    if not allows(rights, per_minute, tools):
        raise InvalidRequestError("rate_limit_per_minute", "must be at most that of the calling key")


def _must_be_within(standing: Standing | None, name: str) -> None:
    _tell(standing, name)
    if standing is not None and standing.spent is not None:
        raise _refusal(standing.spent)


def _must_be_left(standing: Standing | None, *, again: bool = False) -> None:
    # Looked at without having been counted, unless it was, `again`.
    if standing is not None and (standing.spent is not None or (standing.remaining == 0 and not again)):
        raise _refusal(Spent(standing.limit, standing.resets_in_seconds))


def _tell(standing: Standing | None, name: str) -> None:
    if standing is not None and standing.just_reached:
        logs.event("quota.reached", limit=standing.limit.policy, of=name, quota=standing.limit.quota)


def _refusal(spent: Spent) -> QuotaSpentError:
    limit = spent.limit
    return QuotaSpentError(limit.policy, limit.quota, limit.window_seconds, spent.retry_after_seconds)
