"""
What a request for a participant's token says beside its credential.

Source: RFC 8693 section 2.1. `room_id`, `participant_id`, `display_name`, `external_user_id` and `role` are ours.
"""

import re
from typing import get_args

from app.flows.refusals import InvalidRequestError
from app.flows.results import NewParticipant, Role
from app.foundation.names import is_name
from app.protocol.requests import Parameters

ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  a type, not a secret
API_KEY_TYPE = "urn:chalk:params:oauth:token-type:api-key"

_LONGEST_EXTERNAL_ID = 255
_ROLES: dict[str, Role] = {role: role for role in get_args(Role)}


def check_types(asked: Parameters) -> None:
    """
    Refuse types of tokens that we neither take nor give, and actors: nobody acts on behalf of another here.

    Raises:
        InvalidRequestError: see RFC 8693 section 2.2.2.
    """
    given = asked.data
    if given.get("subject_token_type", ACCESS_TOKEN_TYPE) not in {ACCESS_TOKEN_TYPE, API_KEY_TYPE}:
        raise InvalidRequestError("subject_token_type", "must be an access token or an API key")
    if given.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
        raise InvalidRequestError("requested_token_type", "must be an access token")
    if "actor_token" in given or "actor_token_type" in given:
        raise InvalidRequestError("actor_token", "is not supported")


def asked_participant(asked: Parameters) -> NewParticipant | str:
    """
    Read whom the token is for: `participant_id`, or who is to be admitted.

    Raises:
        InvalidRequestError: neither or both are named, or not as they must be.
    """
    given = asked.data
    new = [name for name in ("display_name", "external_user_id", "role") if name in given]
    if "participant_id" in given:
        if new:
            raise InvalidRequestError("participant_id", "must stand alone")
        return given["participant_id"]

    if "display_name" not in given:
        raise InvalidRequestError("display_name", "is required, or participant_id")
    if not is_name(given["display_name"]):
        raise InvalidRequestError("display_name", "must have 1 to 200 characters, and no control characters")
    external_user_id, role = given.get("external_user_id"), given.get("role")
    if external_user_id is not None and not is_name(external_user_id, _LONGEST_EXTERNAL_ID):
        raise InvalidRequestError("external_user_id", "must have 1 to 255 characters, and no control characters")
    if role is not None and role not in _ROLES:
        raise InvalidRequestError("role", f"must be one of {', '.join(_ROLES)}")
    return NewParticipant(given["display_name"], external_user_id, None if role is None else _ROLES[role])


def asked_seconds(asked: Parameters) -> int | None:
    """Read how long access tokens shall live, where the door has let a number through."""
    given = asked.data.get("expires_in")
    return int(given) if given is not None and re.fullmatch(r"[0-9]{1,9}", given) else None
