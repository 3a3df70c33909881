"""Panels of the dashboards, asked of a real Prometheus."""

import math
from collections.abc import Iterable

from nasfleet_monitoring.asking import filled_in
from nasfleet_monitoring.panels import Panel
from nasfleet_testing.prometheus import Prometheus

CHOSEN = {"namespace": ".*", "search": ".*", "pool": ".*", "controller": ".*", "compared": "at-random"}


def without_data(seen: Prometheus, panels: Iterable[Panel]) -> list[str]:
    """Return those of which a series has no number, by title and legend."""
    asked = [
        (f"{panel.title}: {series.legend}", filled_in(series.expression, CHOSEN, interval="10s", shown="5m"))
        for panel in panels
        for series in panel.series
    ]
    assert asked
    return [what for what, expression in asked if all(math.isnan(value) for _, value in seen.query(expression))]
