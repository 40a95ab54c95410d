"""An API key is the long-lived secret with which a tenant, or an operator, shows who it is."""

from app.domain.api_keys.authentication import (
    Authenticated,
    Held,
    Key,
    Outcome,
    Rejected,
    Unreadable,
    authenticate,
    hold,
)
from app.domain.api_keys.details import KeyChanges, KeyDetails, Status, change, find, get, page
from app.domain.api_keys.format import ID_LENGTH, Kind, Mode, PresentedKey, key_name, parse
from app.domain.api_keys.keys import (
    IssuedKey,
    NewKey,
    issue,
    resume_all,
    revoke,
    revoke_all,
    rotate,
    set_assertion_only,
    suspend_all,
)
from app.domain.api_keys.peppers import Pepper, any_unnamed, count_living, living_under, name_all, renew
from app.domain.api_keys.uses import Use, Uses, write_use

__all__ = [
    "ID_LENGTH",
    "Authenticated",
    "Held",
    "IssuedKey",
    "Key",
    "KeyChanges",
    "KeyDetails",
    "Kind",
    "Mode",
    "NewKey",
    "Outcome",
    "Pepper",
    "PresentedKey",
    "Rejected",
    "Status",
    "Unreadable",
    "Use",
    "Uses",
    "any_unnamed",
    "authenticate",
    "change",
    "count_living",
    "find",
    "get",
    "hold",
    "issue",
    "key_name",
    "living_under",
    "name_all",
    "page",
    "parse",
    "renew",
    "resume_all",
    "revoke",
    "revoke_all",
    "rotate",
    "set_assertion_only",
    "suspend_all",
    "write_use",
]
