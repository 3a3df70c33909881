"""The dashboards are whole: what Grafana needs of them, and that they ask for nothing that no program serves."""

import json
import re
from pathlib import Path

import pytest

from nasfleet_monitoring.__main__ import DASHBOARDS, write
from nasfleet_monitoring.asking import filled_in
from nasfleet_monitoring.grafana import to_json
from nasfleet_monitoring.layout import WIDTH, places
from nasfleet_monitoring.panels import Dashboard, Kind
from nasfleet_testing.alerts import ADDED_LABELS, OTHER_METRICS, documented, labels_in, metrics_in, promtool
from nasfleet_testing.pages import ROOT

FILES = ROOT / "helm" / "nasfleet" / "files" / "dashboards"
# Part of addresses that people have kept: these never change.
UIDS = {"search": "nasfleet-search", "fleet": "nasfleet-fleet", "controller": "nasfleet-controller"}
BY_GRAFANA = {"__rate_interval", "__range"}
SERVED = documented() | OTHER_METRICS

each = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def test_the_files_of_the_chart_are_fresh(tmp_path: Path) -> None:
    write(tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        file.name: file.read_text() for file in FILES.iterdir()
    }, "run make proto"


def test_addresses_stay_what_they_are() -> None:
    files = {file.stem: json.loads(file.read_text()) for file in FILES.iterdir()}
    assert {name: one["uid"] for name, one in files.items()} == UIDS
    assert all(one["id"] is None for one in files.values())


@each
def test_every_panel_says_what_it_shows_in_which_unit_and_what_to_do(dashboard: Dashboard) -> None:
    titles = [panel.title for panel in dashboard.panels]
    assert len(set(titles)) == len(titles)
    for panel in dashboard.panels:
        assert panel.unit, panel.title
        assert re.fullmatch(r"[^ ].{40,}\.", panel.description), panel.title
        assert "  " not in panel.description, panel.title


@each
def test_panels_have_numbers_of_their_own_and_do_not_overlap(dashboard: Dashboard) -> None:
    numbers = [panel["id"] for panel in to_json(dashboard)["panels"]]
    assert len(set(numbers)) == len(numbers)
    cells = [
        (place.x + right, place.y + down)
        for place in places(dashboard)
        for right in range(place.width)
        for down in range(place.height)
    ]
    assert len(set(cells)) == len(cells)
    assert all(x < WIDTH for x, _ in cells)


@each
def test_every_variable_that_is_used_is_there_and_every_one_that_is_there_is_used(dashboard: Dashboard) -> None:
    asked = [series.expression for panel in dashboard.panels for series in panel.series]
    used = {name for text in asked for name in re.findall(r"\$(\w+)", text)} - BY_GRAFANA
    assert used == {variable.name for variable in dashboard.variables}


@each
def test_every_metric_and_label_is_served_by_a_program(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        for series in panel.series:
            assert metrics_in(series.expression) <= SERVED.keys(), panel.title
            for metrics, labels in labels_in(series.expression):
                served = {label for metric in metrics for label in SERVED[metric]}
                assert labels <= served | ADDED_LABELS, (panel.title, labels)
            shown = set(re.findall(r"\{\{(\w+)\}\}", series.legend))
            assert shown <= set().union(*SERVED.values()) | ADDED_LABELS, panel.title
    for variable in dashboard.variables:
        name = variable.metric.partition("{")[0]
        assert variable.label in SERVED[name] | ADDED_LABELS, variable.name


@each
def test_every_query_asks_the_source_that_was_chosen(dashboard: Dashboard) -> None:
    written = to_json(dashboard)
    assert written["templating"]["list"][0]["type"] == "datasource"
    uids = re.findall(r'"datasource": \{"type": "prometheus", "uid": "([^"]*)"\}', json.dumps(written))
    assert len(uids) > len(list(dashboard.panels))
    assert set(uids) == {"${datasource}"}


@each
def test_a_heatmap_is_of_buckets_alone(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        if panel.kind is Kind.HEATMAP:
            [series] = panel.series
            assert re.match(r"sum by \(le\) \(increase\(\w+_bucket\b", series.expression)


@each
def test_every_expression_is_promql(dashboard: Dashboard, tmp_path: Path) -> None:
    chosen = {variable.name: ".*" for variable in dashboard.variables}
    asked = [series.expression for panel in dashboard.panels for series in panel.series]
    rules = [
        {"record": f"r{number}", "expr": filled_in(text, chosen, interval="1m", shown="1h")}
        for number, text in enumerate(asked)
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.yml")
