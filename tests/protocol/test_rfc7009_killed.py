"""RFC 7009: what was answered is done, whatever becomes of the server in the next moment."""

import psutil  # type: ignore[import-untyped]  # it ships no types
import requests

from tests.builders import a_pair
from tests.servers import serve


def test_a_revocation_survives_a_kill_right_after_the_200(database_url, http, tools, tenant):
    """
    G10: all processes are killed the moment the 200 is there; whoever comes next finds the session ended.
    """
    pair, client = a_pair(tools, tenant), (tenant.id, tenant.api_key)
    with serve(database_url) as server:
        processes = [*psutil.Process(server.process.pid).children(recursive=True), server.process]
        form = {"token": pair.refresh_token}
        answer = requests.post(f"{server.url}/oauth/revoke", data=form, auth=client, timeout=10)
        for process in processes:
            process.kill()

    assert answer.status_code == 200
    for token in (pair.access_token, pair.refresh_token):
        assert http.post("/oauth/introspect", data={"token": token}, auth=client).json == {"active": False}
    refused = http.post("/api/v1/auth/refresh", json={"refresh_token": pair.refresh_token})
    assert refused.status_code == 401
