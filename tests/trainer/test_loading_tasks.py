"""Which object a task is, what is said when it cannot be had, and how its errors are classified."""

import asyncio
import dataclasses
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from nasfleet import document
from nasfleet.catalogue.search import SearchSpec
from nasfleet.catalogue.tasks import PluginTask, Synthetic, Tabular
from nasfleet.codec import spec_to_proto
from nasfleet.measurement import FailureKind
from nasfleet.v1.fleet_pb2 import Assignment, SearchAnnouncement
from nasfleet.v1.trial_pb2 import Measurement as MeasurementMessage
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, SEARCH, search_spec
from nasfleet_trainer.failures import CannotBuildError, TrainerUnableError, classify
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.slots import Slots
from nasfleet_trainer.tasks.loading import load_inline_task, load_task, runs_inline
from nasfleet_trainer.tasks.synthetic import SyntheticTask
from nasfleet_trainer.tasks.tabular import TabularTask

ROOT = Path(__file__).parents[2]


def plugin(path: str, **parameters: object) -> SearchSpec:
    return search_spec(PluginTask(object=path, parameters=parameters))


def test_built_in_tasks_are_found_by_their_block() -> None:
    assert isinstance(load_inline_task(search_spec(Synthetic())), SyntheticTask)
    assert isinstance(load_inline_task(search_spec(Tabular(file="t.csv"))), TabularTask)
    assert not runs_inline(plugin("examples.plugins.my_task:DigitsPerceptron"))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (plugin("no_such_package.tasks:Mine"), "cannot be imported here: No module named 'no_such_package'; start the trainer"),
        (plugin("nasfleet_testing.poison_task:Mine"), "nasfleet_testing.poison_task has no Mine"),
        (plugin("nasfleet_testing.poison_task:PoisonTask", dead="segfault"), "called with its parameters (dead): "),
        (plugin("pathlib:Path"), "without a method train(run, report)"),
    ],
)
def test_a_task_that_cannot_be_had_here_is_named_with_the_fix(spec: SearchSpec, said: str) -> None:
    with pytest.raises(TrainerUnableError) as error:
        load_task(spec)
    assert said in str(error.value)


def test_a_module_that_fails_while_it_is_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_written.py").write_text("import nothing_like_this\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TrainerUnableError, match="nothing_like_this"):
        load_task(plugin("half_written:Mine"))


@pytest.mark.parametrize("place", ["", "class Mine:\n    def __init__(self):\n        "])
@pytest.mark.parametrize("error", ["SystemExit('a library gave up')", "ValueError('a library gave up')"])
def test_a_task_that_gives_up_while_it_is_loaded_is_none_of_this_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: str
) -> None:
    (tmp_path / "giving_up.py").write_text(f"{place}raise {error}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "giving_up", raising=False)
    with pytest.raises(TrainerUnableError, match=r"giving_up:Mine .*(SystemExit|ValueError): a library gave up; correct "):
        load_task(plugin("giving_up:Mine"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("shapes"), FailureKind.CRASHED),
        (TimeoutError("a socket of the task"), FailureKind.CRASHED),
        (MemoryError(), FailureKind.OUT_OF_MEMORY),
        (RuntimeError("CUDA error: out of memory"), FailureKind.OUT_OF_MEMORY),
        (RuntimeError("device-side assert triggered"), FailureKind.CRASHED),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), FailureKind.OUT_OF_MEMORY),
        (CannotBuildError("no"), FailureKind.CANNOT_BUILD),
        (TrainerUnableError("no"), FailureKind.TRAINER_UNABLE),
    ],
)
def test_errors_are_told_apart(error: Exception, kind: FailureKind) -> None:
    assert classify(error).kind is kind


def test_a_failure_stays_small_and_keeps_the_end_of_its_traceback() -> None:
    failure = classify(ValueError("x" * 100_000 + "the end"))
    assert len(failure.message) <= 1_000
    assert len(failure.traceback) <= 16_000
    assert "the end" in failure.traceback


def test_a_search_that_this_version_cannot_read_is_not_the_networks_fault() -> None:
    searches = Searches(Place())
    searches.announce(SearchAnnouncement(search=SEARCH))
    with pytest.raises(TrainerUnableError, match="the same version"):
        searches.of(Assignment(trial=f"{SEARCH}/trials/1"))


def test_tokens_that_are_none_of_the_space_cannot_be_built() -> None:
    searches = Searches(Place())
    searches.announce(SearchAnnouncement(search=SEARCH, spec=spec_to_proto(search_spec(Synthetic()))))
    with pytest.raises(CannotBuildError, match="takes tokens from 0 to 1, got 9"):
        searches.child_run(Assignment(trial=f"{SEARCH}/trials/1", tokens=[9, 0, 0]))


def test_a_changed_search_keeps_its_task_unless_that_has_changed() -> None:
    searches = Searches(Place())
    assignment = Assignment(trial=f"{SEARCH}/trials/1")
    tasks = []
    for spec in (search_spec(Synthetic()), search_spec(Synthetic(), timeout=9), search_spec(Synthetic(epochs=2))):
        searches.announce(SearchAnnouncement(search=SEARCH, spec=spec_to_proto(spec)))
        tasks.append(searches.inline_task(assignment))
    assert tasks[0] is tasks[1]
    assert tasks[1] is not tasks[2]
    assert searches.of(assignment).spec.trial.timeout == 0


@pytest.mark.parametrize(("uri", "path"), [("file:///models/a", "/models/a"), ("models", "models"), (None, "/default")])
def test_weights_go_where_the_search_says_or_else_the_trainer(uri: str | None, path: str) -> None:
    searches = Searches(Place(artifacts_dir=Path("/default")))
    spec = dataclasses.replace(search_spec(Synthetic()), artifacts=uri)
    searches.announce(SearchAnnouncement(search=SEARCH, spec=spec_to_proto(spec)))
    run = searches.child_run(Assignment(trial=f"{SEARCH}/trials/1", tokens=[0, 0, 0]))
    assert run.artifacts_dir == Path(path)


async def test_the_example_of_a_task_of_ones_own_trains_in_a_real_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    spec = document.load((ROOT / "examples/plugins/my_task.yaml").read_text()).spec
    searches = Searches(Place())
    searches.announce(SearchAnnouncement(search=SEARCH, spec=spec_to_proto(spec)))
    slots = Slots(searches, Place(), 1, Metrics(CollectorRegistry()))
    ended = asyncio.get_running_loop().create_future()
    epochs: list[float] = []
    slots.start(
        Assignment(fence=1, trial=f"{SEARCH}/trials/1", tokens=[2, 0, 3], seed=2**63),
        lambda _, epoch: epochs.append(epoch.value),
        lambda _, result: ended.set_result(result),
        lambda *_: None,
    )
    result = await asyncio.wait_for(ended, PATIENCE_SECONDS)
    await slots.close()
    assert isinstance(result, MeasurementMessage), result
    assert epochs == [epoch.value for epoch in result.epochs]
    assert len(epochs) == 3
    assert result.value > 0.7
    assert result.parameters == 64 * 32 + 32 + 32 * 10 + 10
