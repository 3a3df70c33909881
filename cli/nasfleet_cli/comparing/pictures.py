"""A comparison as pictures: the best so far against trials, seconds and trainer-seconds, and the paper's figure 6."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # files only, wherever this runs
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nasfleet_cli.comparing.contenders import BASELINE
from nasfleet_cli.comparing.runs import Run
from nasfleet_cli.comparing.scores import Axis, Band, axis_points, band, top_model_gains

FORMATS = ("svg", "png")
TOP_COUNTS = (1, 5, 15)  # as in figure 6 of Zoph & Le 2016
_GAIN_POINTS = 40
_LABELS = {Axis.TRIALS: "trials", Axis.SECONDS: "seconds", Axis.TRAINER_SECONDS: "trainer-seconds"}


def draw_best_so_far(runs: Mapping[str, Sequence[Run]], title: str, stem: Path) -> tuple[Path, ...]:
    """Write the mean best reward of each contender against what it cost, with bands of one standard error."""
    everything = [run for of_one in runs.values() for run in of_one]
    axes_with_cost = [axis for axis in Axis if axis is Axis.TRIALS or axis_points(everything, axis)[-1] > 0]
    figure = Figure(figsize=(5.2 * len(axes_with_cost), 4.2), layout="constrained")
    panels = figure.subplots(1, len(axes_with_cost), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes_with_cost, panels, strict=True):
        for name, of_one in runs.items():
            draw_band(panel, band(of_one, axis, axis_points(everything, axis)), name)
        panel.set_xlabel(_LABELS[axis])
    panels[0].set_ylabel("best reward so far")
    panels[0].legend(loc="lower right")
    figure.suptitle(title)
    return written(figure, stem)


def draw_top_models(runs: Mapping[str, Sequence[Run]], title: str, stem: Path) -> tuple[Path, ...]:
    """Write by how much the mean of the top 1, 5 and 15 different models exceeds random search's, against models run."""
    others = [name for name in runs if name != BASELINE]
    figure = Figure(figsize=(5.2 * len(others), 4.2), layout="constrained")
    panels = figure.subplots(1, len(others), sharey=True, squeeze=False)[0]
    for name, panel in zip(others, panels, strict=True):
        points = axis_points([*runs[name], *runs[BASELINE]], Axis.TRIALS, _GAIN_POINTS)
        for count in TOP_COUNTS:
            draw_band(panel, top_model_gains(runs[name], runs[BASELINE], count, points), f"top {count}")
        panel.axhline(0.0, color="grey", linewidth=0.8)
        panel.set_title(name)
        panel.set_xlabel("models run")
    panels[0].set_ylabel("reward above random search's")
    panels[0].legend(loc="upper left")
    figure.suptitle(title)
    return written(figure, stem)


def draw_band(panel: Axes, drawn: Band, label: str) -> None:
    """Draw means as a line, and their standard errors as a band around it."""
    (line,) = panel.plot(drawn.points, drawn.means, label=label)
    low, high = drawn.means - drawn.errors, drawn.means + drawn.errors
    panel.fill_between(drawn.points, low, high, color=line.get_color(), alpha=0.2, linewidth=0)


def written(figure: Figure, stem: Path) -> tuple[Path, ...]:
    """Write a figure in all formats; return the files, which are named after the stem."""
    files = tuple(stem.with_suffix(f".{form}") for form in FORMATS)
    for file in files:
        figure.savefig(file, dpi=120)
    return files
