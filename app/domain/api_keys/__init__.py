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
from app.domain.api_keys.peppers import Pepper, any_unnamed, count_living, living_under, name_all, renew

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
    "living_under",
    "name_all",
    "parse",
    "renew",
    "resume_all",
    "revoke",
    "revoke_all",
    "rotate",
    "set_assertion_only",
    "suspend_all",
]
