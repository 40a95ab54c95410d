"""Participants of rooms, admitted as tests need them: by the story, and over HTTP; and what becomes of their tokens."""

import base64
from typing import Any

from flask.testing import FlaskClient

from app.flows.admit_participant import Admit, admit_participant
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.results import Admission, Caller, NewParticipant, Role, TokenPair
from app.flows.tools import Tools
from app.foundation.identifiers import print_id
from tests.builders import Tenant

ROOMS, REFRESH = "/api/v1/rooms", "/api/v1/auth/refresh"
HOST = "rooms:read participants:read participants:write"
PARTICIPANT = "rooms:read participants:read"
VIEWER = "rooms:read"

Headers = dict[str, str]
Json = dict[str, Any]


def by(api_key: str) -> Headers:
    """Give the headers of a caller with an API key."""
    return {"X-API-Key": api_key}


def bearer(token: str) -> Headers:
    """Give the headers of a caller with an access token."""
    return {"Authorization": f"Bearer {token}"}


def people(room_id: str, *then: str) -> str:
    """Give the path of the participants of a room, or of what comes under it."""
    return "/".join([ROOMS, room_id, "participants", *then])


def admitted(http: FlaskClient, room_id: str, headers: Headers, **asked: Any) -> Json:
    """Admit someone over HTTP, Ada if no name is given, and give what stands in the envelope."""
    answer = http.post(people(room_id), json={"display_name": "Ada", **asked}, headers=headers)
    assert answer.status_code == 201, answer.text
    content: Json = answer.json["data"] if answer.json else {}
    return content


def reads(http: FlaskClient, room_id: str, access_token: str) -> int:
    """Tell how a request with this token to read the room is answered."""
    return http.get(f"{ROOMS}/{room_id}", headers=bearer(access_token)).status_code


def refreshed(http: FlaskClient, refresh_token: str) -> Any:
    """Refresh in Chalk JSON, and give the answer."""
    return http.post(REFRESH, json={"refresh_token": refresh_token})


def introspected(http: FlaskClient, tenant: Tenant, token: str) -> Json:
    """Ask, as the tenant's client, what a token says."""
    basic = base64.b64encode(f"{tenant.id}:{tenant.api_key}".encode()).decode()
    answer = http.post("/oauth/introspect", data={"token": token}, headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200, answer.text
    facts: Json = answer.json or {}
    return facts


def holder(credential: Tenant | Admission, tools: Tools) -> Caller:
    """Authenticate: by the key of a tenant, or by the access token of someone admitted."""
    if isinstance(credential, Tenant):
        return authenticate_api_key(credential.api_key, tools)
    return authenticate_access_token(credential.pair.access_token, tools)


def admit(
    caller: Caller,
    room_id: str,
    tools: Tools,
    *,
    name: str = "Ada",
    known_as: str | None = None,
    role: Role | None = None,
    scope: str | None = None,
) -> Admission:
    """Admit someone by the story; `known_as` is the tenant's own name for them."""
    return admit_participant(caller, Admit(room_id, NewParticipant(name, known_as, role), scope), tools)


def mint(caller: Caller, admission: Admission, tools: Tools, scope: str | None = None) -> Admission:
    """Open another session for someone who was admitted, by the story."""
    room_id, participant_id = names(admission)
    return admit_participant(caller, Admit(room_id, participant_id, scope), tools)


def refresh(pair: TokenPair, tools: Tools, key: str | None = None, **narrowed: Any) -> TokenPair:
    """Refresh by the story, with an Idempotency-Key or without; `narrowed` is what else is asked."""
    assert pair.refresh_token is not None
    return refresh_access(Refresh(pair.refresh_token, key, **narrowed), tools)


def names(admission: Admission) -> tuple[str, str]:
    """Print the ids of the room and of the participant."""
    return print_id("room", admission.room.id), print_id("p", admission.participant.id)
