"""
GET /healthz, /readyz and /metrics: what the inside asks of this process, without a credential.

What is wrong is told to the log, not to whoever asks.
"""

from collections.abc import Iterator

import msgspec
from flask import Blueprint, Response
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from app.entrypoints.headers import RETRY_AFTER_SECONDS, no_store
from app.entrypoints.wiring import wired
from app.flows.check_readiness import check_readiness
from app.flows.look_up import look_up_key_ages
from app.flows.note_connections import note_connections


def blueprint() -> Blueprint:
    """Give the routes of the probes."""
    door = Blueprint("probes", __name__)
    door.add_url_rule("/metrics", view_func=metrics)
    door.add_url_rule("/healthz", view_func=health)
    door.add_url_rule("/readyz", view_func=readiness)
    return door


def metrics() -> Response:
    """Give the counters of all workers, and what this one computes from its memory."""
    note_connections(wired().tools)
    return _fresh(wired().tools.metrics.exposition([_SigningKeys(), _LimitsStore()]), CONTENT_TYPE_PLAIN_0_0_4)


def health() -> Response:
    """Tell that the process answers, and nothing else."""
    return _json({"status": "alive"})


def readiness() -> Response:
    """Tell whether requests can be served here; 503 when they had better go elsewhere."""
    found = check_readiness(wired().tools)
    if found.ready:
        return _json({"status": "ready", "warnings": found.warnings})
    response = _json({"status": "not_ready"})
    response.status_code = 503
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


class _SigningKeys(Collector):
    # Computed when it is asked for, so nothing is counted up, and every worker gives the same.
    def collect(self) -> Iterator[Metric]:
        ages = look_up_key_ages(wired().tools)
        count = GaugeMetricFamily("chalk_signing_keys", "Signing keys in a state.", labels=["state"])
        for state, number in ages.counts.items():
            count.add_metric([state], number)
        yield count

        age = GaugeMetricFamily(
            "chalk_signing_key_age_seconds",
            "Time since a signing key entered its state; of several, the one that did first.",
            labels=["state"],
        )
        for state, oldest in ages.oldest.items():
            age.add_metric([state], oldest.total_seconds())
        yield age

        due = GaugeMetricFamily(
            "chalk_signing_key_rotation_due_seconds",
            "Time until the active signing key has signed for long enough; negative when that is past.",
        )
        if ages.rotation_due is not None:
            due.add_metric([], ages.rotation_due.total_seconds())
        yield due

        read = GaugeMetricFamily("chalk_keyring_age_seconds", "Time since this worker last read the signing keys.")
        if ages.read is not None:
            read.add_metric([], ages.read.total_seconds())
        yield read


class _LimitsStore(Collector):
    # Of this worker alone: another one may reach it.
    def collect(self) -> Iterator[Metric]:
        store = wired().tools.shared_limits
        away = GaugeMetricFamily("chalk_limits_store_away", "Whether the store of limits did not answer, 0 or 1.")
        failures = CounterMetricFamily("chalk_limits_store_failures", "Questions that it did not answer.")
        if store is not None:
            away.add_metric([], store.away)
            failures.add_metric([], store.failures)
        yield away
        yield failures


def _json(content: dict[str, object]) -> Response:
    return _fresh(msgspec.json.encode(content), "application/json")


def _fresh(content: bytes, content_type: str) -> Response:
    response = Response(content, content_type=content_type)
    no_store(response.headers)
    return response
