"""deploy/prometheus/: alerts and dashboard watch what there is, and the runbook says what to do about each."""

import json
import re

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from app.flows import refusals
from tests.house.sources import ROOT
from tests.house.test_docs import rows

FOLDER = ROOT / "deploy" / "prometheus"
RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SUFFIXES = r"(?:_bucket|_sum|_count)?"
LABELS = {
    "chalk_requests_total": {"method", "route", "status"},
    "chalk_request_seconds": {"route"},
    "chalk_refusals_total": {"code"},
    "chalk_tokens_issued_total": {"subject", "by"},
    "chalk_events_total": {"event"},
    "chalk_database_errors_total": {"kind"},
    "chalk_database_connections": {"state"},
    "chalk_database_connections_most": set(),
    "chalk_signing_keys": {"state"},
    "chalk_signing_key_age_seconds": {"state"},
    "chalk_signing_key_rotation_due_seconds": set(),
    "chalk_keyring_age_seconds": set(),
    "chalk_limits_store_away": set(),
    "chalk_limits_store_failures_total": set(),
}


def alerts():
    """Give the alerts that are shipped."""
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def tried():
    """Give what promtool tries of them: the name of an alert, and what it then expects."""
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
    return [(each["alertname"], each.get("exp_alerts", [])) for test in tests for each in test["alert_rule_test"]]


def expressions():
    """Give all that is asked of Prometheus."""
    panels = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    return [rule["expr"] for rule in alerts()] + shown


def problems(expression):
    """Name what an expression asks for and there is not."""
    found = []
    for name, selector in re.findall(r"\b(chalk_[a-z_]+?)" + SUFFIXES + r"\b(?:{([^}]*)})?", expression):
        if name not in LABELS:
            found.append(f"{name} does not exist")
            continue
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            if label not in LABELS[name]:
                found.append(f"{name} has no {label}")
            if label == "code" and value not in {getattr(refusals, each).code for each in CODES}:
                found.append(f"nothing is refused for {value}")
    return found


CODES = [each for each in refusals.__all__ if each != "ServiceError"]


def test_alerts_and_dashboard_watch_what_there_is():
    """
    Every metric, label and code that is watched exists; the runbook lists the metrics, and a test holds it to the code.
    """
    assert [each for expression in expressions() for each in problems(expression)] == []
    assert all("chalk_" in expression for expression in expressions())
    assert set(LABELS) == {name for name in rows(RUNBOOK) if name.startswith("chalk_")}


@pytest.mark.parametrize(
    "wrong", ["rate(chalk_nothing[1m])", 'chalk_signing_keys{kid="x"}', 'chalk_refusals_total{code="nothing"}']
)
def test_a_watch_on_nothing_is_found(wrong):
    """
    The check above fails for a metric, a label and a code that does not exist.
    """
    assert problems(wrong)


def test_the_runbook_says_what_to_do_on_each_alert():
    """
    Each alert has a row of its own in docs/operations.md, and no row is left over.
    """
    named = [rule["alert"] for rule in alerts()]
    assert sorted(named) == sorted(name for name in rows(RUNBOOK) if name.startswith("Chalk"))
    for rule in alerts():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]


def test_every_alert_is_tried_with_and_without_its_trouble():
    """
    The tests that `make check-alerts` runs have a case for each alert that fires it, and one that leaves it silent.
    """
    shipped = {rule["alert"]: rule["labels"]["severity"] for rule in alerts()}
    fires = {name: {each["exp_labels"]["severity"] for each in expected} for name, expected in tried() if expected}

    assert fires == {name: {severity} for name, severity in shipped.items()}
    assert {name for name, expected in tried() if not expected} == set(shipped)


def test_what_is_alarming_once_is_counted_from_nothing(http):
    """
    Of a counter that begins with 1, `increase` shows nothing: what a single one of fires is there from the start.
    """
    single = re.findall(
        r"increase\((chalk_\w+{\w+=\"[\w.]+\"})\[\w+\]\)\) > 0$", "\n".join(expressions()), re.MULTILINE
    )
    text = http.get("/metrics").text

    assert len(single) >= 3
    assert [each for each in single if f"\n{each} " not in text] == []
