"""GET /metrics: what all workers count, against what a client counts itself; and the line of each request."""

import collections
import json
import re
from collections import Counter
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.adversary.workers import a_line_to_each_worker
from tests.builders import a_room
from tests.servers import Manner, serve

TOKEN, REFRESH = "/api/v1/auth/token", "/api/v1/auth/refresh"


def counted(text, family):
    """Read a family of counters: values by its labels, in the order of their names."""
    found: dict[tuple[str, ...], float] = collections.defaultdict(float)
    for each in text_string_to_metric_families(text):
        if each.name == family:
            for sample in each.samples:
                if sample.name == f"{family}_total":
                    found[tuple(value for _, value in sorted(sample.labels.items()))] += sample.value
    return found


@pytest.fixture
def watched(backend, new_database, database_url, tmp_path):
    """A server with three workers, which says what it logs in a file."""
    log = tmp_path / "log"
    # At DEBUG, probes have lines, too.
    with serve(database_url, Manner(log=log), workers=3, LOG_LEVEL="INFO") as server:
        yield server, log


def test_counters_are_those_of_all_workers(watched, tenant, tools):
    """
    B2: whichever worker is asked, it tells what the client has counted over all of them; and each request is a line.
    """
    server, log = watched
    room, key = a_room(tools, tenant), {"X-API-Key": tenant.api_key}
    sent: Counter[tuple[str, ...]] = Counter()
    with a_line_to_each_worker(server, 3) as lines:
        before = counted(lines[0].text("/metrics"), "chalk_requests")
        for line in lines:
            for _ in range(4):
                pair = line.send("POST", TOKEN, {"api_key": tenant.api_key}).body["data"]
                sent["POST", TOKEN, "200"] += 1
                retry = {"Idempotency-Key": str(uuid4())}
                for _ in range(2):
                    line.send("POST", REFRESH, {"refresh_token": pair["refresh_token"]}, headers=retry)
                    sent["POST", REFRESH, "200"] += 1
                line.send("POST", REFRESH, {"refresh_token": pair["refresh_token"]})
                sent["POST", REFRESH, "401"] += 1
                line.send("GET", f"/api/v1/rooms/{room}", headers=key)
                sent["GET", "/api/v1/rooms/<room_id>", "200"] += 1
                line.send("GET", f"/nothing/{uuid4()}")
                sent["GET", "none", "404"] += 1
        texts = [line.text("/metrics") for line in lines]

    for text in texts:
        requests = counted(text, "chalk_requests")
        assert {labels: requests[labels] - before[labels] for labels in sent} == dict(sent)
        assert counted(text, "chalk_tokens_issued") == {("exchange", "tenant"): 12, ("refresh", "tenant"): 24}
        refused = {labels: number for labels, number in counted(text, "chalk_refusals").items() if number}
        assert refused == {("invalid_refresh_token",): 12, ("not_found",): 12}
        events = counted(text, "chalk_events")
        assert events["refresh.retried",] == events["refresh.reuse_detected",] == 12
    told = [json.loads(line) for line in log.read_text().splitlines() if '"message":"request"' in line]
    assert Counter((each["method"], each["route"], str(each["status"])) for each in told) == sent
    exchanged = [each for each in told if each["route"] in {TOKEN, REFRESH} and each["status"] == 200]
    assert {(each["tenant"], each["key"][:4]) for each in exchanged} == {(tenant.id, "key_")}
    assert len({each["request_id"] for each in told}) == len(told)
    assert tenant.api_key not in log.read_text()


def test_what_a_client_sends_makes_no_new_label(http):
    """
    A16: paths, methods and ids of the client's own making are counted under one name.
    """
    for number in range(20):
        http.open(f"/api/v1/rooms/room_{number}", method="GET")
        http.open(f"/nothing/{number}", method=f"X{number}")
    text = http.get("/metrics").text

    routes = {labels for labels in counted(text, "chalk_requests") if "none" in labels or "<room_id>" in labels[1]}
    assert {labels[0] for labels in routes if labels[1] == "none"} <= {"other", "GET", "POST"}
    assert not re.search(r"room_\d|nothing/|X\d", text)
