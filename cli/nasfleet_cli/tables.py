"""Searches, trials, trainers and pools as tables: the columns of `nasfleet get`, narrow and wide, and how each is filled."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.table import Table
from rich.text import Text

from nasfleet.names import PoolName, SearchName
from nasfleet.v1.fleet_pb2 import HeldTrial, Pool, Trainer, TrainerState
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet.v1.trial_pb2 import FailureKind, Trial, TrialState
from nasfleet_cli import figures
from nasfleet_cli.addressing import short
from nasfleet_cli.progress import progress_of
from nasfleet_cli.words import state_word, word

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its head, what stands in it, whether it is a number, whether it is shown by `-o wide` alone."""

    head: str
    text: Callable[[Row], str]
    number: bool = False
    wide: bool = False


def table(columns: Sequence[Column[Row]], rows: Iterable[Row], *, wide: bool = False) -> Table:
    """Return rows in these columns, without lines, as kubectl does."""
    shown = [column for column in columns if wide or not column.wide]
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in shown:
        made.add_column(column.head, justify="right" if column.number else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(column.text(row)) for column in shown))
    return made


def _reward(trial: Trial) -> str:
    return figures.reward(trial.reward if trial.HasField("reward") else None)


def _parameters(trial: Trial) -> str:
    measured = trial.measurement
    return figures.count(measured.parameters if measured.HasField("parameters") else None)


def _multiply_adds(trial: Trial) -> str:
    measured = trial.measurement
    return figures.count(measured.multiply_adds if measured.HasField("multiply_adds") else None)


def _seconds(trial: Trial) -> str:
    return figures.duration(trial.measurement.seconds if trial.HasField("measurement") else None)


def _steps(trial: Trial) -> str:
    measured = trial.measurement
    return figures.count(measured.steps if measured.HasField("steps") else None)


def _seeds(trial: Trial) -> str:
    """Return what each seed gave, and how far apart they are."""
    measured = trial.measurement
    if not measured.seed_values:
        return figures.ABSENT
    return f"{' '.join(map(figures.reward, measured.seed_values))} ± {figures.reward(measured.seed_deviation)}"


def _state(trial: Trial) -> str:
    state = word(TrialState.Name(trial.state), "TRIAL_STATE_")
    if trial.HasField("reused_from"):
        return f"{state}: as trial {trial.reused_from}"
    if trial.stopped_early:
        return f"{state}: stopped early"
    if trial.state != TrialState.TRIAL_STATE_FAILED:
        return state
    return f"{state}: {word(FailureKind.Name(trial.failure.kind), 'FAILURE_KIND_')}"


def _learner(search: Search) -> str:
    learner = search.learner
    return f"{learner.entropy:.3f}" if learner.HasField("entropy") else figures.ABSENT


def _trials(search: Search) -> str:
    progress = progress_of(search)
    return f"{progress.settled:,}/{progress.trials:,}"


def _best(search: Search) -> str:
    return _reward(search.best_trial) if search.HasField("best_trial") else figures.ABSENT


def _average(search: Search) -> str:
    return figures.reward(search.average_reward if search.HasField("average_reward") else None)


def _left(search: Search) -> str:
    running = search.state == SearchState.SEARCH_STATE_RUNNING
    return figures.duration(progress_of(search).seconds_left if running else None)


def _memory(trainer: Trainer) -> str:
    return figures.memory(trainer.device_memory_bytes if trainer.HasField("device_memory_bytes") else None)


def _running(trainer: Trainer) -> list[HeldTrial]:
    return [trial for trial in trainer.trials if trial.started]


SEARCHES: tuple[Column[Search], ...] = (
    Column("NAME", lambda search: SearchName.parse(search.name).search_id),
    Column("STATE", state_word),
    Column("TRIALS", _trials, number=True),
    Column("RUNNING", lambda search: f"{search.counts.running:,}", number=True),
    Column("BEST", _best, number=True),
    Column("AVERAGE", _average, number=True),
    Column("RATE", lambda search: figures.rate(progress_of(search).trials_per_second), number=True),
    Column("LEFT", _left, number=True),
    Column("STRATEGY", lambda search: search.spec.strategy.WhichOneof("kind") or figures.ABSENT, wide=True),
    Column("TASK", lambda search: search.spec.task.WhichOneof("kind") or figures.ABSENT, wide=True),
    Column("DISTINCT", lambda search: f"{search.counts.distinct:,}", number=True, wide=True),
    Column("FAILED", lambda search: f"{search.counts.failed:,}", number=True, wide=True),
    Column("LOST", lambda search: f"{search.counts.lost:,}", number=True, wide=True),
    Column("ENTROPY", _learner, number=True, wide=True),
    Column("UPDATES", lambda search: f"{search.learner.policy_version:,}", number=True, wide=True),
    Column("TRAINER-TIME", lambda search: figures.duration(search.trainer_seconds), number=True, wide=True),
    Column("CREATED", lambda search: f"{search.create_time.ToDatetime():%Y-%m-%d %H:%M}", wide=True),
    Column("MESSAGE", lambda search: search.message, wide=True),
)

TRIALS: tuple[Column[Trial], ...] = (
    Column("TRIAL", lambda trial: short(trial.name)),
    Column("STATE", _state),
    Column("REWARD", _reward, number=True),
    Column("PARAMETERS", _parameters, number=True),
    Column("MULTIPLY-ADDS", _multiply_adds, number=True),
    Column("SECONDS", _seconds, number=True),
    Column("TRAINER", lambda trial: trial.trainer or figures.ABSENT),
    Column("BATCH", lambda trial: str(trial.batch), number=True, wide=True),
    Column("POLICY", lambda trial: str(trial.policy_version), number=True, wide=True),
    Column("ATTEMPTS", lambda trial: str(trial.attempt_count), number=True, wide=True),
    Column("STEPS", _steps, number=True, wide=True),
    Column("SEEDS", _seeds, number=True, wide=True),
    Column("DUPLICATE", lambda trial: "yes" if trial.duplicate else "no", wide=True),
    Column("HASH", lambda trial: trial.canonical_hash, wide=True),
    Column("TOKENS", lambda trial: ",".join(map(str, trial.tokens)), wide=True),
)

TRAINERS: tuple[Column[Trainer], ...] = (
    Column("NAME", lambda trainer: trainer.trainer),
    Column("STATE", lambda trainer: word(TrainerState.Name(trainer.state), "TRAINER_STATE_")),
    Column("DEVICE", lambda trainer: trainer.device),
    Column("SLOTS", lambda trainer: f"{len(_running(trainer))}/{trainer.slots}", number=True),
    Column("MEASURED", lambda trainer: f"{trainer.measured_count:,}", number=True),
    Column("SILENT", lambda trainer: figures.duration(trainer.silent_seconds), number=True),
    Column("TRIALS", lambda trainer: " ".join(short(trial.trial) for trial in _running(trainer)) or figures.ABSENT),
    Column("MEMORY", _memory, number=True, wide=True),
    Column("POOL", lambda trainer: trainer.pool or figures.ABSENT, wide=True),
    Column("WAITING", lambda trainer: str(sum(not trial.started for trial in trainer.trials)), number=True, wide=True),
    Column("INSTANCE", lambda trainer: trainer.instance_id, wide=True),
)


def pool_columns(trainers: Sequence[Trainer]) -> tuple[Column[Pool], ...]:
    """Return the columns of pools, which count those of these trainers that are theirs."""

    def of(pool: Pool) -> list[Trainer]:
        return [trainer for trainer in trainers if trainer.pool == pool.name]

    return (
        Column("NAME", lambda pool: PoolName.parse(pool.name).pool_id),
        Column("WANTED", lambda pool: f"{pool.wanted_size:,}", number=True),
        Column("TRAINERS", lambda pool: f"{len(of(pool)):,}", number=True),
        Column("BUSY", lambda pool: f"{sum(bool(_running(trainer)) for trainer in of(pool)):,}", number=True),
        Column("WORK", lambda pool: f"{pool.wanted_slots:,}", number=True),
        Column("CORDONED", lambda pool: f"{len(pool.cordoned_trainers):,}", number=True, wide=True),
        Column("LABELS", lambda pool: ",".join(f"{key}={value}" for key, value in sorted(pool.labels.items())), wide=True),
    )


BEST: tuple[Column[Trial], ...] = (
    Column("TRIAL", lambda trial: short(trial.name)),
    Column("REWARD", _reward, number=True),
    Column("VALUE", lambda trial: figures.reward(trial.measurement.value), number=True),
    Column("PARAMETERS", _parameters, number=True),
    Column("MULTIPLY-ADDS", _multiply_adds, number=True),
    Column("SECONDS", _seconds, number=True),
)
