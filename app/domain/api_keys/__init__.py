"""An API key is the long-lived secret with which a tenant, or an operator, shows who it is."""

from app.domain.api_keys.format import Kind, PresentedKey, key_name, parse
from app.domain.api_keys.keys import (
    Authenticated,
    IssuedKey,
    Key,
    NewKey,
    Rejected,
    authenticate,
    issue,
    resume_all,
    revoke,
    revoke_all,
    rotate,
    set_assertion_only,
    suspend_all,
)

__all__ = [
    "Authenticated",
    "IssuedKey",
    "Key",
    "Kind",
    "NewKey",
    "PresentedKey",
    "Rejected",
    "authenticate",
    "issue",
    "key_name",
    "parse",
    "resume_all",
    "revoke",
    "revoke_all",
    "rotate",
    "set_assertion_only",
    "suspend_all",
]
