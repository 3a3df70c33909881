"""`python -m nasfleet_monitoring`: write the dashboards for Grafana, or draw them from a Prometheus."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nasfleet_monitoring.asking import Line, ask, filled_in
from nasfleet_monitoring.controller_dashboard import CONTROLLER
from nasfleet_monitoring.fleet_dashboard import FLEET
from nasfleet_monitoring.grafana import to_json
from nasfleet_monitoring.search_dashboard import SEARCH

DASHBOARDS = {"search": SEARCH, "fleet": FLEET, "controller": CONTROLLER}
POINTS = 120


def write(folder: Path) -> None:
    """Write every dashboard as a file of JSON."""
    for name, dashboard in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(json.dumps(to_json(dashboard), indent=2) + "\n", encoding="utf-8")


def draw(folder: Path, address: str, seconds: int, compared: str) -> None:
    """Write a picture of every dashboard, of the last seconds that a Prometheus has seen."""
    from nasfleet_monitoring.drawing import draw as draw_one

    begin, step = time.time() - seconds, max(1, seconds // POINTS)
    for name, dashboard in DASHBOARDS.items():
        chosen = {one.name: ".*" if one.several else compared for one in dashboard.variables}
        fill = partial(filled_in, chosen=chosen, interval=f"{max(4 * step, 15)}s", shown=f"{seconds}s")

        def answers(expression: str, fill: Callable[[str], str] = fill) -> list[Line]:
            found = ask(address, fill(expression), begin, begin + seconds, step)
            return [Line(one.labels, tuple(((at - begin) / 60, value) for at, value in one.points)) for one in found]

        note = f"{dashboard.title}: drawn by python -m nasfleet_monitoring from the expressions of its panels; not by Grafana."
        draw_one(dashboard, answers, folder / f"{name}.png", note)


def main() -> int:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(prog="nasfleet_monitoring", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("write", "write the dashboards for Grafana"), ("draw", "draw them from a Prometheus")):
        command = commands.add_parser(name, help=text)
        command.add_argument("folder", type=Path)
    command.add_argument("--prometheus", required=True, metavar="HOST:PORT")
    command.add_argument("--seconds", type=int, default=3600, help="how much of the time until now is shown")
    command.add_argument("--compared", default="", metavar="SEARCH", help="the search that others are compared with")
    given = parser.parse_args()
    if given.command == "write":
        write(given.folder)
    else:
        draw(given.folder, given.prometheus, given.seconds, given.compared)
    return 0


if __name__ == "__main__":
    sys.exit(main())
