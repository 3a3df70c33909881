"""The alerts of the chart, and dashboards and alerts as what they name: metrics and labels."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nasfleet_testing.lacking import lacking
from nasfleet_testing.pages import ROOT

ALERTS = ROOT / "helm" / "nasfleet" / "files" / "alerts" / "nasfleet.yaml"
REFERENCE = ROOT / "docs" / "reference" / "metrics.md"
# What Prometheus gives every series or serves by itself, and what prometheus_client says of the process.
ADDED_LABELS = {"job", "instance", "le", "node"}
OTHER_METRICS: Mapping[str, set[str]] = {
    "up": set(),
    "process_resident_memory_bytes": set(),
    "process_cpu_seconds_total": set(),
    "process_start_time_seconds": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
}
_WORDS = re.compile(r'"[^"]*"|\b[a-z_]+\b')


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule."""

    name: str
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def groups() -> list[Any]:
    """Return the groups of rules as they stand in the file."""
    found: list[Any] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return found


def alerts() -> list[Alert]:
    """Return all alerts."""
    rules = [rule for group in groups() for rule in group["rules"]]
    return [Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"]) for rule in rules]


def at_once() -> list[Any]:
    """Return the groups of rules with alerts that do not wait for hours before they fire."""
    return [group | {"rules": [{**rule, "for": "0s"} for rule in group["rules"]]} for group in groups()]


def documented() -> dict[str, set[str]]:
    """Return the labels of every metric of every program, by its name as it is asked for."""
    found: dict[str, set[str]] = {}
    for line in REFERENCE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, kind, labels = (cell.strip() for cell in line.split("|")[1:4])
            of = {label.strip() for label in labels.split(",")} - {""}
            ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            found |= {name.strip("`") + end: of | ({"le"} if end == "_bucket" else set()) for end in ends}
    return found


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics that an expression asks for."""
    names = set(_WORDS.findall(expression))
    return {name for name in names if name.startswith(("nasfleet_", "process_"))} | (names & {"up"})


def labels_in(expression: str) -> Iterator[tuple[set[str], set[str]]]:
    """Yield selectors as the metric and the labels that it is selected by, then what is grouped by with all metrics."""
    for name, matchers in re.findall(r"\b([a-z_]+)\{([^}]*)\}", expression):
        yield {name}, set(re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', '""', matchers)))
    for names in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", expression):
        yield metrics_in(expression), {name.strip() for name in names.split(",")} - {""}


def promtool(*arguments: str | Path) -> str:
    """Run promtool, which must succeed; return what it said.

    Where it is not installed the test is skipped, but not where CI is set.
    """
    if shutil.which("promtool") is None:
        lacking("the program promtool, a part of Prometheus, is not installed")
    done = subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
