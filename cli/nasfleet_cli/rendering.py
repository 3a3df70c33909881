"""The live view: how a search looks in a terminal. A pure function of the view's state and the rows that there are."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nasfleet.names import SearchName, TrialName
from nasfleet.v1.fleet_pb2 import HeldTrial, Trainer, TrainerState
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet.v1.trial_pb2 import FailureKind, Trial, TrialState
from nasfleet_cli import figures
from nasfleet_cli.chart import Series, chart
from nasfleet_cli.progress import progress_of
from nasfleet_cli.reward_curve import RewardCurve
from nasfleet_cli.view_state import ViewState
from nasfleet_cli.words import state_word, word

_AVERAGE_STYLE = "bold cyan"
_BEST_STYLE = "green"
_REWARD_STYLE = "bright_black"
_AXIS_COLUMNS = 9
_FIXED_ROWS = 12  # all but the chart and the trainers
_CHART_ROWS = range(3, 13)  # fewest to most
STATE_STYLES = {
    SearchState.SEARCH_STATE_RUNNING: "bold green",
    SearchState.SEARCH_STATE_SUSPENDED: "bold yellow",
    SearchState.SEARCH_STATE_COMPLETED: "bold cyan",
    SearchState.SEARCH_STATE_CANCELLED: "bold red",
}


def render(state: ViewState, rows: int = 40) -> RenderableType:
    """Return the view, at most about `rows` lines high."""
    trainer_rows = min(len(state.trainers), max((rows - _FIXED_ROWS) // 2, 1))
    chart_rows = min(max(rows - _FIXED_ROWS - trainer_rows, _CHART_ROWS.start), _CHART_ROWS.stop - 1)
    parts: list[RenderableType] = [_headline(state), _figures(state.search), Text()]
    if state.curve.rewards:
        parts += [_Chart(state.curve, chart_rows), _legend(state.curve), Text()]
    if state.trainers:
        parts += [_trainers(state.trainers, trainer_rows), Text()]
    if state.recent:
        parts.append(_recent(state.recent))
    told = [line for line in (state.search.message, state.waiting, *state.notices) if line]
    parts += [Text(line, style="yellow", no_wrap=True, overflow="ellipsis") for line in told]
    if state.hint:
        parts.append(Text(state.hint, style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _headline(view: ViewState) -> RenderableType:
    search = view.search
    progress = progress_of(search)
    state = Text(state_word(search), style=STATE_STYLES.get(search.state, ""))
    left = Text(
        f"{progress.settled:,}/{progress.trials:,}  {progress.fraction:.0%}  {figures.rate(progress.trials_per_second)}"
    )
    going = search.state == SearchState.SEARCH_STATE_RUNNING and not view.waiting
    if going and progress.seconds_left is not None:
        left.append(f"  {figures.duration(progress.seconds_left)} left", style="bold")
    line = Table.grid(padding=(0, 2), expand=True)
    line.add_column(no_wrap=True)
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(no_wrap=True)
    bar = ProgressBar(total=1.0, completed=progress.fraction)
    line.add_row(Text(SearchName.parse(search.name).search_id, style="bold"), state, bar, left)
    return line


def _figures(search: Search) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    if search.HasField("best_trial"):
        best = search.best_trial
        line.append(f"best {figures.reward(best.reward)}", style=_BEST_STYLE)
        line.append(f" (trial {best.number}{_size(best)})")
    if search.HasField("average_reward"):
        line.append(f"  average {figures.reward(search.average_reward)}", style=_AVERAGE_STYLE)
    learner = search.learner
    if learner.HasField("entropy"):
        line.append(f"  entropy {learner.entropy:.2f} nats  {learner.policy_version:,} updates")
    counts = search.counts
    unsuccessful = [(counts.failed, "failed"), (counts.lost, "lost")]
    line.append("".join(f"  {number:,} {name}" for number, name in unsuccessful if number), style="red")
    if not line:
        line.append("waiting for the first reward", style="dim")
    return line


def _size(trial: Trial) -> str:
    if not trial.measurement.HasField("parameters"):
        return ""
    return f", {figures.count(trial.measurement.parameters)} parameters"


@dataclass(frozen=True, slots=True)
class _Chart:
    """The reward curve, as wide as the terminal."""

    curve: RewardCurve
    rows: int

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        low, high = min(self.curve.rewards), max(self.curve.rewards)
        series = (
            Series(self.curve.rewards, _REWARD_STYLE, joined=False),
            Series(self.curve.bests, _BEST_STYLE, joined=True),
            Series(self.curve.averages, _AVERAGE_STYLE, joined=True),
        )
        labels = {0: figures.reward(high), self.rows - 1: figures.reward(low)}
        for row, line in enumerate(chart(series, low, high, max(options.max_width - _AXIS_COLUMNS, 1), self.rows)):
            yield Text.assemble((f"{labels.get(row, ''):>{_AXIS_COLUMNS - 2}} ", "dim"), ("│", "dim"), line)


def _legend(curve: RewardCurve) -> Text:
    return Text.assemble(
        " " * _AXIS_COLUMNS,
        (f"1 to {len(curve.rewards):,} rewards   ", "dim"),
        ("• reward  ", _REWARD_STYLE),
        ("─ moving average  ", _AVERAGE_STYLE),
        ("─ best", _BEST_STYLE),
    )


def _trainers(trainers: tuple[Trainer, ...], rows: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("trainer", "state", "trial", "epoch", "value"):
        table.add_column(name, no_wrap=True)
    for name in ("measured", "silent"):
        table.add_column(name, justify="right", no_wrap=True)
    hidden = len(trainers) - rows
    for trainer in trainers[:rows]:
        running = [trial for trial in trainer.trials if trial.started]
        state = word(TrainerState.Name(trainer.state), "TRAINER_STATE_")
        silence = figures.duration(trainer.silent_seconds)
        table.add_row(trainer.trainer, state, *_work(running), figures.count(trainer.measured_count), silence)
    if hidden > 0:
        table.add_row(Text(f"and {hidden:,} more", style="dim"))
    return table


def _work(running: list[HeldTrial]) -> tuple[str, str, str]:
    if not running:
        return figures.ABSENT, figures.ABSENT, figures.ABSENT
    first = running[0]
    more = f" +{len(running) - 1}" if len(running) > 1 else ""
    value = figures.reward(first.value) if first.HasField("value") else figures.ABSENT
    return f"{TrialName.parse(first.trial).number}{more}", str(first.epoch or figures.ABSENT), value


def _recent(recent: tuple[Trial, ...]) -> Text:
    return Text.assemble(("latest  ", "dim"), Text(" · ").join(map(_settled, recent)), no_wrap=True, overflow="ellipsis")


def _settled(trial: Trial) -> Text:
    if trial.state == TrialState.TRIAL_STATE_SUCCEEDED:
        return Text(f"{trial.number}: {figures.reward(trial.reward)}")
    return Text(f"{trial.number}: {word(FailureKind.Name(trial.failure.kind), 'FAILURE_KIND_')}", style="red")
