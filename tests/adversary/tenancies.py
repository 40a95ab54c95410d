"""Two tenants side by side: what each of them has, by which ids and tokens, and what the database holds of it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Row, select

from app.flows.tools import Tools
from app.foundation.database import Base
from app.foundation.identifiers import new_id, parse_id, print_id
from tests.builders import Tenant, a_pair, a_room, a_tenant
from tests.forgery import claims_of

API = "/api/v1"
PREFIXES = {"tenant_id": "tenant", "room_id": "room", "participant_id": "p", "session_id": "ses"}
Ids = dict[str, str]

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """One room of a tenant, its host with a session, and a token of the tenant's own that works in this room alone."""

    room_id: str
    participant_id: str
    host_token: str = field(repr=False)
    host_refresh_token: str = field(repr=False)
    room_token: str = field(repr=False)


@dataclass(frozen=True)
class Tenancy:
    """A tenant with two rooms, and tokens that work in both."""

    tenant: Tenant
    token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    first: Place
    second: Place

    def ids(self, place: Place | None = None) -> Ids:
        """Give an id for each parameter that names something: of what lies in this room, or belongs to the tenant."""
        place = place or self.first
        return {
            "tenant_id": self.tenant.id,
            "room_id": place.room_id,
            "participant_id": place.participant_id,
            "session_id": claims_of(place.host_token)["sid"],
            "key_id": f"key_{self.tenant.api_key[8:16]}",
        }


def by(api_key: str) -> dict[str, str]:
    """Give the headers of a caller with a key."""
    return {"X-API-Key": api_key}


def bearer(token: str) -> dict[str, str]:
    """Give the headers of a caller with an access token."""
    return {"Authorization": f"Bearer {token}"}


def a_tenancy(http: FlaskClient, tools: Tools, tenant: Tenant | None = None) -> Tenancy:
    """Open a tenant, or take what one of its keys is for, with two rooms, and sessions of every kind."""
    tenant = tenant or a_tenant(tools)
    pair = a_pair(tools, tenant)
    assert pair.refresh_token is not None
    first, second = (_place(http, tools, tenant) for _ in range(2))
    return Tenancy(tenant, pair.access_token, pair.refresh_token, first, second)


def missing_ids() -> Ids:
    """Give well-formed ids that name nothing."""
    ids = {name: print_id(prefix, new_id()) for name, prefix in PREFIXES.items()}
    return ids | {"key_id": f"key_{next(_numbers):08}"}


def rows_of(tenancy: Tenancy, tools: Tools) -> dict[str, Sequence[Row[Any]]]:
    """Read every row that belongs to a tenant, whatever table it stands in."""
    tenant_id = parse_id("tenant", tenancy.tenant.id)
    tables = Base.metadata.tables.values()
    # Of tenants, the row that is the tenant itself.
    owned = [(each, each.c.id if each.name == "tenants" else each.c.get("tenant_id")) for each in tables]
    with tools.database.reading() as connection:
        return {
            table.name: connection.execute(select(table).where(owner == tenant_id).order_by(*table.c)).all()
            for table, owner in owned
            if owner is not None
        }


def _place(http: FlaskClient, tools: Tools, tenant: Tenant) -> Place:
    room_id = a_room(tools, tenant)
    asked = {"display_name": "Hanna", "role": "host", "external_user_id": "hanna"}
    answer = http.post(f"{API}/rooms/{room_id}/participants", json=asked, headers=by(tenant.api_key))
    assert answer.status_code == 201, answer.text
    admitted = (answer.json or {})["data"]
    return Place(
        room_id,
        admitted["participant"]["id"],
        admitted["access_token"],
        admitted["refresh_token"],
        a_pair(tools, tenant, room_id).access_token,
    )
