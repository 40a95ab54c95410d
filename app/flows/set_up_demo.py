"""An empty database in; an operator, a tenant and a room to try things with out."""

from dataclasses import dataclass, field

from app.domain import access_tokens, api_keys, rooms, tenants
from app.flows.tools import Tools
from app.foundation.identifiers import print_id


@dataclass(frozen=True)
class Demo:
    """What there is to try; the keys are None when the database was in use before: a key is shown once."""

    tenant_id: str
    room_id: str | None
    api_key: str | None = field(default=None, repr=False)
    admin_key: str | None = field(default=None, repr=False)


def set_up_demo(tools: Tools) -> Demo:
    """Make a demo operator, tenant and room, unless there are tenants already: then show the first of them."""
    now, pepper = tools.clock.now(), tools.peppers[0]
    with tools.database.transaction() as connection:
        known = tenants.page(connection, None, 1)
        if known:
            its_rooms = rooms.page(connection, known[0].id, None, 100, mode="live")
            room_id = next((print_id("room", room.id) for room in its_rooms if room.ended_at is None), None)
            return Demo(tenant_id=print_id("tenant", known[0].id), room_id=room_id)

        tenant = tenants.open_tenant(connection, "Demo", tenants.Limits(), now=now)
        scopes = " ".join(access_tokens.VOCABULARY)
        key = api_keys.issue(connection, api_keys.NewKey("sk", tenant.id, scopes), pepper=pepper, now=now)
        admin = api_keys.issue(connection, api_keys.NewKey("ak", None, ""), pepper=pepper, now=now)
        room = rooms.open_room(connection, tenant.id, "Demo room", mode="live", most=1, now=now)
        room_id = None if room is None else print_id("room", room.id)
        return Demo(print_id("tenant", tenant.id), room_id, key.text, admin.text)
