"""The little that is asked of a Prometheus."""

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its labels, and its points as Unix seconds and values."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


def ask(address: str, expression: str, begin: float, end: float, step: float) -> list[Line]:
    """Return what an expression gives from `begin` to `end`, every `step` seconds; HOST:PORT is where Prometheus is."""
    asked = urllib.parse.urlencode({"query": expression, "start": begin, "end": end, "step": step})
    # The address is what somebody typed.
    with urllib.request.urlopen(f"http://{address}/api/v1/query_range?{asked}", timeout=TIMEOUT_SECONDS) as answer:
        found = json.load(answer)["data"]["result"]
    return [Line(one["metric"], tuple((float(at), float(value)) for at, value in one["values"])) for one in found]


def filled_in(expression: str, chosen: Mapping[str, str], *, interval: str, shown: str) -> str:
    """Return an expression with what Grafana would put in place of variables: those chosen, and its own two of time.

    Args:
        expression: PromQL with variables of a dashboard.
        chosen: what was chosen for each, by name.
        interval: for $__rate_interval, as 1m.
        shown: for $__range, the time that is shown.
    """
    for name, value in {"__rate_interval": interval, "__range": shown, **chosen}.items():
        expression = expression.replace(f"${name}", value)
    return expression
