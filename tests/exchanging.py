"""Token exchanges (RFC 8693) as a client asks for them, what it gets, and how it is refused."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.domain.audit.tables import AuditEventRow
from app.domain.refresh_tokens.tables import FamilyRow
from app.domain.rooms.tables import ParticipantRow
from app.flows.tools import Tools
from app.foundation.identifiers import parse_id
from tests.builders import Tenant
from tests.forgery import claims_of

TOKEN = "/oauth/token"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
OF_RFC = "urn:ietf:params:oauth:token-type:"
ACCESS, API_KEY = f"{OF_RFC}access_token", "urn:chalk:params:oauth:token-type:api-key"
# RFC 6749 section 5.2 and RFC 8693 section 2.2.2: nothing else comes back from the token endpoint with a 400.
CODES = {
    *("invalid_request", "invalid_grant", "invalid_scope", "invalid_target"),
    *("unauthorized_client", "unsupported_grant_type"),
}
# Printable ASCII without the double quote and the backslash (RFC 6749 section 5.2).
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")

Form = Mapping[str, str | Sequence[str] | None]


def asked(subject: str, room_id: str, /, **changes: str | Sequence[str] | None) -> dict[str, Any]:
    """Give the form of an exchange that admits Ada as a host, changed by what is given; None leaves out."""
    usual: Form = {
        "grant_type": GRANT,
        "subject_token": subject,
        "subject_token_type": API_KEY if subject.startswith(("sk_", "ak_")) else ACCESS,
        "room_id": room_id,
        "display_name": "Ada",
        "role": "host",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def exchange(
    http: FlaskClient, client: Tenant, subject: str, room_id: str, /, **changes: str | Sequence[str] | None
) -> TestResponse:
    """Ask for an exchange, as a client that shows its key by Basic."""
    return http.post(TOKEN, data=asked(subject, room_id, **changes), auth=(client.id, client.api_key))


def a_subject(http: FlaskClient, client: Tenant, **form: str) -> str:
    """Get an access token of a tenant, with all that its key holds unless `scope` says less."""
    answer = http.post(TOKEN, data={"grant_type": "client_credentials", **form}, auth=(client.id, client.api_key))
    token: str = answer.json["access_token"]  # type: ignore[index]  # a refusal would end the test just as well
    return token


def token_of(answer: TestResponse) -> str:
    """Give the token that came out; the answer is one of success."""
    assert answer.status_code == 200, answer.text
    token: str = answer.json["access_token"]  # type: ignore[index]
    return token


def granted(answer: TestResponse) -> dict[str, Any]:
    """Give the claims of the token that came out."""
    return claims_of(token_of(answer))


def assert_is_refused(answer: TestResponse, code: str) -> None:
    """It is 400 with one of the codes that there are, says so in JSON and in our words, and is not kept by anyone."""
    assert (answer.status_code, answer.json and answer.json["error"]) == (400, code), answer.text
    assert code in CODES
    assert answer.content_type == "application/json"
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert set(answer.json) == {"error", "error_description"}  # type: ignore[arg-type]
    assert DESCRIPTION.fullmatch(answer.json["error_description"])  # type: ignore[index]
    assert "WWW-Authenticate" not in answer.headers


@dataclass(frozen=True)
class Desk:
    """A tenant's client, and a room of the tenant that it exchanges tokens for."""

    http: FlaskClient
    tools: Tools
    tenant: Tenant
    room_id: str

    @property
    def auth(self) -> tuple[str, str]:
        """Give what the client shows by Basic."""
        return self.tenant.id, self.tenant.api_key

    @property
    def by_key(self) -> dict[str, str]:
        """Give the header that the tenant shows its key in."""
        return {"X-API-Key": self.tenant.api_key}

    def exchange(self, subject: str, /, **changes: str | Sequence[str] | None) -> TestResponse:
        """Ask for an exchange."""
        return exchange(self.http, self.tenant, subject, self.room_id, **changes)

    def subject(self, **form: str) -> str:
        """Get an access token of the tenant."""
        return a_subject(self.http, self.tenant, **form)

    def subjects(self) -> list[str]:
        """Give one subject of each kind."""
        return [self.subject(), self.tenant.api_key]

    def left_behind(self) -> dict[str, int]:
        """Count what an exchange leaves in the database of the tenant: participants, sessions and events."""
        tenant_id = parse_id("tenant", self.tenant.id)
        with self.tools.database.reading() as connection:
            return {
                table.__tablename__: connection.execute(
                    select(func.count()).select_from(table).where(table.tenant_id == tenant_id)
                ).scalar_one()
                for table in (ParticipantRow, FamilyRow, AuditEventRow)
            }

    def is_active(self, token: str) -> bool:
        """Tell whether introspection calls a token active."""
        answer = self.http.post("/oauth/introspect", data={"token": token}, auth=self.auth)
        active: bool = answer.json["active"]  # type: ignore[index]
        return active

    def reads(self, token: str, room_id: str | None = None) -> int:
        """Read the room, or another one, by an access token; give the status."""
        path = f"/api/v1/rooms/{room_id or self.room_id}"
        return self.http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code
