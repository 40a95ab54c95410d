"""Traces: what a collector is told of requests and statements, and what it is not."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.entrypoints.wiring import wiring_of
from app.foundation.errors import ConfigurationError
from tests.builders import a_tenant
from tests.log_watch import SECRETS
from tests.servers import serve

TOKEN, ROOM = "/api/v1/auth/token", "/api/v1/rooms/<room_id>"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FROM_PROXY = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
SERVER, CLIENT, ERROR = 2, 3, 2
LOADS = """
import sys
from app import settings
from app.factory import create_app
create_app(settings.read({"CHALK_DATABASE_URL": sys.argv[1]}), warm=False)
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


class Collector(HTTPServer):
    """Takes spans in OTLP over HTTP, and remembers them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.spans, self.resources, self.raw = [], [], b""

    def until(self, number):
        """Wait for so many spans of requests; gives them, and those of statements."""
        requests, deadline = [], time.monotonic() + 15
        while time.monotonic() < deadline:
            requests = [each for each in self.spans if each.kind == SERVER]
            if len(requests) >= number:
                return requests, [each for each in self.spans if each.kind == CLIENT]
        raise AssertionError(f"{len(requests)} spans came")


class Answers(BaseHTTPRequestHandler):
    """One request to it."""

    server: Collector

    def do_POST(self):
        """Take a batch."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.raw += body
        for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.resources.append(told(batch.resource))
            self.server.spans += [span for scope in batch.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def told(thing):
    """Give the attributes of a span or a resource."""
    return {each.key: each.value.string_value or each.value.int_value for each in thing.attributes}


@pytest.fixture
def collector(monkeypatch):
    """A collector, to which OpenTelemetry's own variables lead."""
    with Collector() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield server
        server.shutdown()


def test_a_request_is_a_span_with_its_statements_and_without_a_secret(start, collector, clock):
    """
    B2: route, method, status, request id and ids of whom it is about; statements without their parameters. No key, no
    token, nothing of the path, the query or the body.
    """
    application = start(clock, TRACES="otlp")
    http, tools = application.test_client(), wiring_of(application).tools
    tenant = a_tenant(tools)
    key = {"X-API-Key": tenant.api_key, "X-Request-Id": "request-0123456789", "User-Agent": "Marker-1"}
    access = http.post(TOKEN, json={"api_key": tenant.api_key}).json["data"]["access_token"]
    http.get(f"/api/v1/rooms/room_marker2?access_token={access}&marker3=1", headers=key)
    http.open(f"/nothing/{tenant.api_key}", method="MARKER4")

    (issued, read, nothing), statements = collector.until(3)

    assert [each.name for each in (issued, read, nothing)] == [f"POST {TOKEN}", f"GET {ROOM}", "other none"]
    assert told(read) == {
        "http.request.method": "GET",
        "http.route": ROOM,
        "http.response.status_code": 404,
        "chalk.request_id": "request-0123456789",
        "chalk.tenant": tenant.id,
        "chalk.key": f"key_{tenant.api_key[8:16]}",
        "chalk.refused": "not_found",
    }
    of_issue = [each for each in statements if each.parent_span_id == issued.span_id]
    assert any("INSERT INTO families" in told(each)["db.query.text"] for each in of_issue)
    assert {each.trace_id for each in of_issue} == {issued.trace_id}
    assert {told(each)["db.system.name"] for each in of_issue} <= {"sqlite", "postgresql"}
    everything = collector.raw.decode("latin-1")
    assert not SECRETS.search(everything)
    assert "arker" not in everything


def test_a_request_that_the_express_door_hands_on_is_one_span(start, collector, clock):
    """
    B2: it is the framework's, whose answer it was; the door in front leaves none behind.
    """
    application = start(clock, TRACES="otlp")
    http, tenant = application.test_client(), a_tenant(wiring_of(application).tools)
    http.post(TOKEN, json={"api_key": tenant.api_key}, headers={"Idempotency-Key": "a-key-of-a-request"})
    http.get("/healthz")

    requests, _ = collector.until(2)

    assert [each.name for each in requests] == [f"POST {TOKEN}", "GET /healthz"]


def test_a_trace_is_taken_from_our_proxy_alone(start, collector, clock):
    """
    A19: whoever else sends `traceparent` joins no trace, decides about no sampling, and breaks nothing.
    """
    http = start(clock, TRACES="otlp", TRUSTED_PROXIES="10.0.0.0/8").test_client()
    unsampled = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
    broken = {"traceparent": "00-zz-zz-01"}
    for peer, headers in (
        ("10.0.0.1", FROM_PROXY), ("192.0.2.1", FROM_PROXY), ("192.0.2.1", unsampled), ("10.0.0.1", broken),
    ):  # fmt: skip
        assert http.get("/healthz", headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code == 200

    spans, _ = collector.until(4)

    assert [each.trace_id.hex() == TRACE for each in spans] == [True, False, False, False]
    assert [each.parent_span_id.hex() for each in spans] == [CALLER, "", "", ""]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_server_tells_its_last_spans_before_it_ends(database_url, collector, monkeypatch):
    """
    E7: in the real server, what was not sent yet when it is stopped is sent then, under the service's name.
    """
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    with serve(database_url, TRACES="otlp", TRUSTED_PROXIES="127.0.0.1") as server:
        urlopen(Request(f"{server.url}/healthz", headers=FROM_PROXY), timeout=10).close()
        before = list(collector.spans)

    (span,), _ = collector.until(1)
    assert before == []
    assert (span.name, span.trace_id.hex(), told(span)["http.response.status_code"]) == ("GET /healthz", TRACE, 200)
    assert collector.resources[0]["service.name"] == "chalk-auth"


def test_whoever_wants_no_traces_loads_nothing(tmp_path):
    """
    Nothing of OpenTelemetry is imported unless the setting is on.
    """
    command = [sys.executable, "-c", LOADS, f"sqlite:///{tmp_path}/x.db"]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_traces_without_the_extra_are_refused_in_a_sentence(start, clock, monkeypatch):
    """
    E7: switched on and not installed: the server does not start, and says what to install.
    """
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "app.foundation.tracing", raising=False)

    with pytest.raises(ConfigurationError, match=r"pip install 'chalk-auth\[otel\]'"):
        start(clock, TRACES="otlp")
