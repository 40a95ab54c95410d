"""An API key is the long-lived secret with which a tenant, or an operator, shows who it is."""

from app.domain.api_keys.format import Kind, PresentedKey, key_name, parse
from app.domain.api_keys.keys import (
    Authenticated,
    IssuedKey,
    Key,
    NewKey,
    Outcome,
    Rejected,
    Unreadable,
    authenticate,
    issue,
    resume_all,
    revoke,
    revoke_all,
    rotate,
    set_assertion_only,
    suspend_all,
)
from app.domain.api_keys.peppers import Pepper, any_unnamed, count_living, name_all, renew, revoke_all_under

__all__ = [
    "Authenticated",
    "IssuedKey",
    "Key",
    "Kind",
    "NewKey",
    "Outcome",
    "Pepper",
    "PresentedKey",
    "Rejected",
    "Unreadable",
    "any_unnamed",
    "authenticate",
    "count_living",
    "issue",
    "key_name",
    "name_all",
    "parse",
    "renew",
    "resume_all",
    "revoke",
    "revoke_all",
    "revoke_all_under",
    "rotate",
    "set_assertion_only",
    "suspend_all",
]
