"""How often a key was used in each hour, over HTTP."""

import requests

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.note_uses import note_uses
from app.foundation.clock import rfc3339
from tests.builders import a_tenant
from tests.conftest import environment, migrate
from tests.named_keys import by, keys_of, name_of, posted
from tests.servers import serve


def test_uses_are_read_over_http(http, tools, tenant, clock):
    """
    CONTRACT 3: a list like every other; a key without `keys:read` sees none, and a foreign or missing key is 404.
    """
    key, blind = posted(http, tenant), posted(http, tenant, scopes=["rooms:read"])
    empty = http.get(keys_of(tenant, name_of(key), "uses"), headers=by(tenant.api_key))
    http.get("/api/v1/rooms", headers=by(key.api_key))
    note_uses(tools)

    answer = http.get(keys_of(tenant, name_of(key), "uses"), headers=by(tenant.api_key))

    assert empty.json == {"data": [], "pagination": {"next_cursor": None, "has_more": False}}
    at = rfc3339(clock.now().replace(minute=0, second=0, microsecond=0))
    assert answer.json == {**empty.json, "data": [{"hour_at": at, "uses": 1}]}
    assert http.get(keys_of(tenant, name_of(key), "uses"), headers=by(blind.api_key)).status_code == 403
    assert http.get(keys_of(tenant, "key_00000000", "uses"), headers=by(tenant.api_key)).status_code == 404


def test_the_last_uses_are_written_when_a_server_stops(new_database):
    """
    CONTRACT 2: a worker that ends in its own good time writes what it has seen; the minute is not waited for.
    """
    url = new_database("sqlite")
    migrate(url)
    application = create_app(environment(url))
    tools = wiring_of(application).tools
    tenant = a_tenant(tools)
    with serve(url, workers=2) as server:
        for _ in range(5):
            used = requests.get(f"{server.url}/api/v1/rooms", headers=by(tenant.api_key), timeout=10)
            assert used.status_code == 200

    told = application.test_client().get(keys_of(tenant, name_of(tenant), "uses"), headers=by(tenant.api_key))
    tools.database.close()
    assert sum(each["uses"] for each in (told.json or {})["data"]) == 5
