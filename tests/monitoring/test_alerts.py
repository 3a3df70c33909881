"""The alerts are whole, ask for nothing that no program serves, fire when they should and at no other time."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from nasfleet.measurement import FailureClass, FailureKind
from nasfleet_testing.alerts import (
    ADDED_LABELS,
    ALERTS,
    OTHER_METRICS,
    Alert,
    alerts,
    documented,
    labels_in,
    metrics_in,
    promtool,
)
from nasfleet_testing.pages import ROOT, anchors

PLAYED = Path(__file__).with_name("alerts_test.yaml")
SERVED = documented() | OTHER_METRICS

each = pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)


@each
def test_an_alert_says_how_bad_it_is_what_it_saw_and_what_to_do(alert: Alert) -> None:
    assert alert.labels["severity"] in {"critical", "warning", "info"}
    assert alert.annotations.keys() == {"summary", "description", "runbook_url"}
    # What is absent has no value.
    assert "$value" in alert.annotations["description"] or alert.expression.startswith("absent(")
    page, _, anchor = alert.annotations["runbook_url"].partition("#")
    assert anchor == alert.name.lower()
    assert anchor in anchors(ROOT / page)


@each
def test_an_alert_asks_for_metrics_and_labels_that_a_program_serves(alert: Alert) -> None:
    assert metrics_in(alert.expression)
    assert metrics_in(alert.expression) <= SERVED.keys()
    for metrics, labels in labels_in(alert.expression):
        assert labels <= {label for metric in metrics for label in SERVED[metric]} | ADDED_LABELS


def test_the_networks_are_blamed_for_what_is_their_fault_and_for_nothing_else() -> None:
    [alert] = [one for one in alerts() if one.name == "NasfleetNetworksFail"]
    theirs = {kind.word for kind in FailureKind if kind.failure_class is FailureClass.MODEL}
    assert [set(kinds.split("|")) for kinds in re.findall(r'kind=~"([^"]+)"', alert.expression)] == [theirs, theirs]


def test_alerts_fire_when_they_should_and_at_no_other_time(tmp_path: Path) -> None:
    shutil.copy(ALERTS, tmp_path)
    shutil.copy(PLAYED, tmp_path)
    promtool("check", "rules", tmp_path / ALERTS.name)
    promtool("test", "rules", tmp_path / PLAYED.name)


def test_every_alert_is_seen_to_fire() -> None:
    tests = yaml.safe_load(PLAYED.read_text())["tests"]
    expected = [sample["labels"] for test in tests for one in test["promql_expr_test"] for sample in one["exp_samples"]]
    assert {re.search(r'alertname="(\w+)"', labels)[1] for labels in expected} == {alert.name for alert in alerts()}
