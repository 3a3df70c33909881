"""Pictures of dashboards for the documentation, from the same panels and expressions, where there is no Grafana.

They are like what Grafana shows and are not what it draws: colours, legends and axes are ours.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nasfleet_monitoring.asking import Line
from nasfleet_monitoring.layout import WIDTH, places
from nasfleet_monitoring.panels import Dashboard, Kind, Panel, Row

INCHES_A_UNIT = 0.62
MOST_NAMES = 8
SMALL, TINY = 9, 7

Ask = Callable[[str], list[Line]]
"""Returns what an expression of a panel gives over the time that is shown, in minutes from its beginning."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A line as its legend calls it."""

    name: str
    line: Line


def draw(dashboard: Dashboard, ask: Ask, file: Path, note: str) -> None:
    """Write a picture of a dashboard, with a note below it that says what it is."""
    placed = list(places(dashboard))
    height = max(place.y + place.height for place in placed) + 1
    figure = Figure(figsize=(WIDTH * INCHES_A_UNIT, height * INCHES_A_UNIT * 0.62), dpi=100)
    for place in placed:
        left, bottom = place.x / WIDTH, 1 - (place.y + place.height) / height
        if isinstance(place.shown, Row):
            figure.text(0.012, bottom + 0.4 / height, place.shown.title, fontsize=12, weight="bold", va="center")
            continue
        box = (left + 0.035, bottom + 1.3 / height, place.width / WIDTH - 0.05, (place.height - 2.6) / height)
        _panel(figure.add_axes(box), place.shown, ask)
    figure.text(0.012, 0.4 / height, note, fontsize=SMALL, color="dimgray", va="center")
    figure.savefig(file)


def _panel(axes: Axes, panel: Panel, ask: Ask) -> None:
    axes.set_title(panel.title, fontsize=SMALL, loc="left")
    axes.tick_params(labelsize=TINY)
    found = [_Named(_name(series.legend, line), line) for series in panel.series for line in ask(series.expression)]
    if not found:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No data", ha="center", va="center", color="gray", fontsize=SMALL)
        return
    match panel.kind:
        case Kind.NUMBER | Kind.TABLE:
            _numbers(axes, panel, found)
        case Kind.HEATMAP:
            _heatmap(axes, found)
        case Kind.LINES:
            for one in found:
                minutes, values = zip(*one.line.points, strict=True)
                axes.plot(minutes, values, label=one.name, linewidth=1.2)
            _time(axes, panel, len(found))
        case Kind.AREAS:
            seen = [one for one in found if any(value for _, value in one.line.points)] or found
            _areas(axes, seen)
            _time(axes, panel, len(seen))


def _numbers(axes: Axes, panel: Panel, found: list[_Named]) -> None:
    axes.set_axis_off()
    latest = sorted(((one.line.points[-1][1], one.name) for one in found), reverse=True)[:MOST_NAMES]
    size = 24 if len(latest) == 1 else 14 if len(latest) < 4 else TINY + 2  # noqa: PLR2004 - as many as there is room for
    for number, (value, name) in enumerate(latest):
        y = 1 - (number + 0.5) / len(latest)
        axes.text(0.98, y, _written(value, panel.unit), ha="right", va="center", fontsize=size, color="tab:blue")
        axes.text(0.0, y, name, ha="left", va="center", fontsize=SMALL, color="dimgray")


def _heatmap(axes: Axes, found: list[_Named]) -> None:
    """Draw how many fell between one bound and the next: buckets of Prometheus count everything up to their bound."""
    bounds = sorted((float(one.line.labels["le"]), dict(one.line.points)) for one in found)
    times = sorted({at for _, points in bounds for at in points})
    counts: list[list[float]] = []
    before = dict.fromkeys(times, 0.0)
    for _, points in bounds:
        counts.append([max(0.0, points.get(at, 0.0) - before[at]) for at in times])
        before = {at: points.get(at, before[at]) for at in times}
    finite = [bound for bound, _ in bounds[:-1]]
    ceiling = finite[-1] + (finite[-1] - finite[-2])
    axes.pcolormesh(times, [*finite, ceiling], counts, cmap="Blues", shading="nearest")
    used = [bound for bound, row in zip([*finite, ceiling], counts, strict=True) if any(row)]
    axes.set_ylim(min(used, default=0.0) - 0.1, max(used, default=1.0) + 0.1)
    axes.set_xlabel("minutes", fontsize=TINY, loc="right", labelpad=0)


def _areas(axes: Axes, found: list[_Named]) -> None:
    times = sorted({at for one in found for at, _ in one.line.points})
    heights = [[points.get(at, 0.0) for at in times] for points in (dict(one.line.points) for one in found)]
    axes.stackplot(times, heights, labels=[one.name for one in found], alpha=0.6)


def _time(axes: Axes, panel: Panel, names: int) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: _written(value, panel.unit))
    axes.grid(alpha=0.3)
    if panel.highest is not None:
        axes.set_ylim(0, panel.highest * 1.02)
    elif panel.kind is Kind.AREAS or axes.get_ylim()[0] > 0:
        axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
    if names <= MOST_NAMES:
        axes.legend(fontsize=TINY, loc="best", framealpha=0.6)
    axes.set_xlabel("minutes", fontsize=TINY, loc="right", labelpad=0)


def _name(legend: str, line: Line) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: line.labels.get(found[1], ""), legend).strip()


_SCALES: Mapping[str, tuple[tuple[float, str], ...]] = {
    "s": ((3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "bytes": ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
}


def _written(value: float, unit: str) -> str:
    """Return a value in a unit of Grafana's."""
    if unit == "bool_yes_no":
        return "Yes" if value else "No"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if value and unit in _SCALES:
        size, word = next((one for one in _SCALES[unit] if abs(value) >= one[0]), _SCALES[unit][-1])
        return f"{value / size:.3g} {word}"
    suffix = " /s" if unit == "reqps" else unit.removeprefix("suffix:") if unit.startswith("suffix:") else ""
    return f"{value:,.0f}{suffix}" if abs(value) >= 1000 else f"{value:.4g}{suffix}"  # noqa: PLR2004 - %g would say 1e+05
