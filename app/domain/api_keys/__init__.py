"""An API key is the long-lived secret with which a tenant, or an operator, shows who it is."""

from app.domain.api_keys.authentication import (
    Authenticated,
    Key,
    Outcome,
    Rejected,
    Unreadable,
    authenticate,
)
from app.domain.api_keys.details import KeyChanges, KeyDetails, Status, change, find, get, page
from app.domain.api_keys.format import ID_LENGTH, Kind, Mode, PresentedKey, key_name, parse
from app.domain.api_keys.keys import (
    IssuedKey,
    NewKey,
    begin_grace,
    issue,
    resume_all,
    revoke,
    revoke_all,
    rotate,
    set_assertion_only,
    suspend_all,
)
from app.domain.api_keys.memory.known import KnownKeys
from app.domain.api_keys.memory.sightings import SIGHTED_FOR, Sighting, Sightings
from app.domain.api_keys.memory.uses import Hour, Noted, Use, Uses, forget_hours, hours_of, write_uses
from app.domain.api_keys.peppers import Pepper, any_unnamed, count_living, living_under, name_all, renew
from app.domain.api_keys.standing import Held, hold, stands, still_stands

__all__ = [
    "ID_LENGTH",
    "SIGHTED_FOR",
    "Authenticated",
    "Held",
    "Hour",
    "IssuedKey",
    "Key",
    "KeyChanges",
    "KeyDetails",
    "Kind",
    "KnownKeys",
    "Mode",
    "NewKey",
    "Noted",
    "Outcome",
    "Pepper",
    "PresentedKey",
    "Rejected",
    "Sighting",
    "Sightings",
    "Status",
    "Unreadable",
    "Use",
    "Uses",
    "any_unnamed",
    "authenticate",
    "begin_grace",
    "change",
    "count_living",
    "find",
    "forget_hours",
    "get",
    "hold",
    "hours_of",
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
    "stands",
    "still_stands",
    "suspend_all",
    "write_uses",
]
