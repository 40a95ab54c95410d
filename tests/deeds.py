"""What is done once with an Idempotency-Key: every such request of the API, and somebody who may send all of them."""

import dataclasses
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.domain import access_tokens
from app.flows.tools import Tools
from app.foundation.database import Base
from tests.builders import Tenant, a_key_holding, a_participant, a_room, a_tenant, an_operator

API = "/api/v1"
JSON = "application/json"
REPLAYED = "Idempotency-Replayed"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Scene:
    """A tenant with a second key, a room and somebody in it; and an operator."""

    tenant: Tenant
    spare: Tenant
    operator: str
    room_id: str
    participant_id: str

    def told(self, text: str) -> str:
        """Fill in the names of what is here."""
        names = {
            "{api_key}": self.tenant.api_key,
            "{tenant_id}": self.tenant.id,
            "{own_id}": f"key_{self.tenant.api_key[8:16]}",
            "{spare_id}": f"key_{self.spare.api_key[8:16]}",
            "{room_id}": self.room_id,
            "{participant_id}": self.participant_id,
        }
        for name, value in names.items():
            text = text.replace(name, value)
        return text


@dataclass(frozen=True)
class Deed:
    """
    A request: the route, its path and body, and another body that the path takes too.

    `by` is who sends it: the tenant's key in the header or the body, or an operator; `retires` says that the key is
    dead when it is done.
    """

    route: str
    path: str
    body: Any = None
    other: Any = None
    by: str = "tenant"
    retires: bool = False


_EXCHANGE = {"api_key": "{api_key}"}
_EXCHANGE_FOR = {**_EXCHANGE, "room_id": "{room_id}", "participant": {"display_name": "Eve"}}
_KEYS, _PEOPLE = "/tenants/{tenant_id}/api-keys", "/rooms/{room_id}/participants"
_EVE = {"display_name": "Eve"}

DEEDS = {
    "exchange": Deed("auth.token", "/auth/token", _EXCHANGE, {**_EXCHANGE, "expires_in": 60}, by="body"),
    "exchange for": Deed("auth.token", "/auth/token", _EXCHANGE_FOR, _EXCHANGE, by="body"),
    "tenant": Deed("tenants.create", "/tenants", {"name": "Mine"}, {"name": "Yours"}, by="operator"),
    "key": Deed("api_keys.create", _KEYS, {"name": "Mine"}, {"name": "Yours"}),
    "rotate": Deed("tenants.rotate_key", "/tenants/{tenant_id}/rotate-key", None, {"grace_period": 9}, retires=True),
    "rotate with grace": Deed("tenants.rotate_key", "/tenants/{tenant_id}/rotate-key", {"grace_period": 60}, {}),
    "rotate itself": Deed("api_keys.rotate", f"{_KEYS}/{{own_id}}/rotate", {}, {"grace_period": 9}, retires=True),
    "rotate other": Deed("api_keys.rotate", f"{_KEYS}/{{spare_id}}/rotate", None, {"grace_period": 9}),
    "compromised": Deed("api_keys.rotate", f"{_KEYS}/{{spare_id}}/rotate", {"reason": "compromised"}, {}),
    "room": Deed("rooms.create", "/rooms", {"name": "Mine"}, {"name": "Yours"}),
    "admit": Deed("participants.create", _PEOPLE, _EVE, {"display_name": "Bob"}),
    "bulk": Deed("participants.create_many", f"{_PEOPLE}/bulk", {"participants": [_EVE] * 2}, {"participants": [_EVE]}),
    "mint": Deed("participants.mint", f"{_PEOPLE}/{{participant_id}}/token", None, {"expires_in": 60}),
}


def a_scene(tools: Tools) -> Scene:
    """Set up a tenant that may do all of it."""
    tenant = a_tenant(tools)
    room_id = a_room(tools, tenant)
    guest = a_participant(tools, tenant, room_id, "host")
    return Scene(tenant, another_key(tools, tenant), an_operator(tools), room_id, guest.id)


def another_key(tools: Tools, tenant: Tenant) -> Tenant:
    """Issue another key of a tenant that may do whatever the first one may."""
    return a_key_holding(" ".join(access_tokens.VOCABULARY), tenant, tools)


def a_key_of_a_request() -> str:
    """Make an Idempotency-Key."""
    return f"request-{next(_numbers):08}"


def send(
    http: FlaskClient,
    scene: Scene,
    deed: Deed,
    key: str | None,
    *,
    body: Any = dataclasses.MISSING,
    headers: dict[str, str] | None = None,
) -> Any:
    """Send it with an Idempotency-Key, if any; with another body, or as somebody else if their headers are given."""
    content = deed.body if body is dataclasses.MISSING else body
    data = None if content is None else scene.told(json.dumps(content)).encode()
    credential = {"tenant": scene.tenant.api_key, "operator": scene.operator}.get(deed.by)
    own = {} if credential is None else {"X-API-Key": credential}
    given = (own if headers is None else headers) | ({} if key is None else {"Idempotency-Key": key})
    return http.post(API + scene.told(deed.path), data=data, content_type=JSON, headers=given)


def is_replay(answer: TestResponse) -> bool:
    """Tell whether an answer says that it is one of before."""
    return answer.headers.get(REPLAYED) == "true"


def rows(tools: Tools) -> dict[str, int]:
    """Count the rows of every table but that of the replies."""
    tables = [table for table in Base.metadata.tables.values() if table.name != "replies"]
    with tools.database.reading() as connection:
        counts = [select(func.count()).select_from(table).scalar_subquery() for table in tables]
        return dict(zip([table.name for table in tables], connection.execute(select(*counts)).one(), strict=True))


def nothing_done(tools: Tools, ask: Callable[[], Any]) -> Any:
    """Send something, and assert that the database holds as much as before."""
    before = rows(tools)
    answer = ask()
    assert rows(tools) == before
    return answer
