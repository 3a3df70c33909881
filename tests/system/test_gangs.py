"""One child in several trainers: the same curve as in one, a lost member costs nothing, and gangs get past each other."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nasfleet.catalogue import (
    Budget,
    ConvChain,
    Gang,
    ImageClassification,
    LayerType,
    PluginTask,
    Random,
    Retries,
    SearchSpaceSection,
    SearchSpec,
    TrialSettings,
    Weights,
)
from nasfleet.client import Client
from nasfleet.measurement import FailureKind
from nasfleet.v1.search_pb2 import SEARCH_STATE_COMPLETED
from nasfleet_testing.processes import Process, eventually
from nasfleet_testing.programs import controller, rows, trainer

TASK: dict[str, Any] = {
    "batch_size": 25,
    "training_examples": 240,
    "validation_examples": 150,
    "learning_rate": 0.05,
    "upsample_size": 10,
}
PATIENCE_SECONDS = 240.0
# Numbers are added up in another order; measured over three epochs of this child, relative: 2.1e-7 at most.
SAME_LOSS = 1e-5
# Layers of batch normalisation alone, between and behind convolutions, beside the one that each convolution has.
NORMALISED = SearchSpaceSection(
    space=ConvChain(
        layers=4,
        layer_types=(LayerType.CONVOLUTION, LayerType.BATCH_NORM),
        filter_counts=(4, 8),
        filter_heights=(3,),
        filter_widths=(3,),
    )
)


def spec(gang: int, *, trials: int, epochs: int, **changes: Any) -> SearchSpec:
    space = ConvChain(layers=3, filter_counts=(4, 8), filter_heights=(3,), filter_widths=(3,))
    parts: dict[str, Any] = {
        "search_space": SearchSpaceSection(space=space),
        "strategy": Random(),
        "task": ImageClassification(epochs=epochs, **TASK),
        "budget": Budget(trials=trials),
        "weights": Weights.NONE,
        "seed": 7,
        "gang": Gang(size=gang),
    }
    return SearchSpec(**(parts | changes))


@dataclass(frozen=True, slots=True)
class Fleet:
    """A controller and trainers of it, by name."""

    state: Path
    client: Client
    trainers: dict[str, Process]

    def ended(self, *searches: str) -> bool:
        return all(self.client.get_search(name).state == SEARCH_STATE_COMPLETED for name in searches)

    def holding(self, search: str) -> Sequence[str]:
        """Return the trainers that hold a trial of a search that has had an epoch."""
        fleet = self.client.get_fleet().trainers
        begun = {held.fence for one in fleet for held in one.trials if held.trial.startswith(f"{search}/") and held.epoch}
        return [one.trainer for one in fleet if any(held.fence in begun for held in one.trials)]


@contextmanager
def fleet(directory: Path, count: int) -> Iterator[Fleet]:
    with ExitStack() as stack:
        running = stack.enter_context(controller(directory / "state"))
        client = stack.enter_context(Client(running.address))
        flags = ("--threads", "1", "--grace", "0")
        trainers = {
            name: stack.enter_context(trainer(running.address, directory / f"{name}.log", "--name", name, *flags))
            for name in (f"trainer-{index}" for index in range(count))
        }
        eventually(lambda: len(client.get_fleet().trainers) == count, "trainers")
        yield Fleet(directory / "state", client, trainers)


def name(search: str) -> str:
    return f"namespaces/default/searches/{search}"


def test_a_child_has_the_same_curve_in_one_two_and_four_trainers(tmp_path: Path) -> None:
    curves, costs = {}, {}
    with fleet(tmp_path, 4) as there:
        for size in (1, 2, 4):
            search = name(f"of-{size}")
            seeds = {"search_space": NORMALISED, "seeds_per_trial": 2}
            there.client.ensure_search(search, spec(size, trials=1, epochs=3, **seeds))
            eventually(lambda search=search: there.ended(search), "the end of the search", PATIENCE_SECONDS)
            measured = there.client.get_trial(f"{search}/trials/0").measurement
            curves[size] = [(epoch.epoch, epoch.value, epoch.loss) for epoch in measured.epochs]
            costs[size] = measured.trainer_seconds / measured.seconds
    assert len(curves[1]) == 3
    for size in (2, 4):
        assert [epoch for epoch, _, _ in curves[size]] == [1, 2, 3]
        assert [value for _, value, _ in curves[size]] == pytest.approx([value for _, value, _ in curves[1]], abs=0.01)
        assert [loss for _, _, loss in curves[size]] == pytest.approx([loss for _, _, loss in curves[1]], rel=SAME_LOSS)
    assert costs == pytest.approx({1: 1, 2: 2, 4: 4})


def test_two_gangs_on_three_trainers_both_finish_though_a_member_is_killed_and_each_trial_counts_once(tmp_path: Path) -> None:
    first, _ = searches = [name("one"), name("other")]
    with fleet(tmp_path, 3) as there:
        for search in searches:
            there.client.ensure_search(search, spec(2, trials=2, epochs=8, trial=TrialSettings(lease_seconds=10)))
        eventually(lambda: len(there.holding(first)) == 2, "a child in two trainers", PATIENCE_SECONDS)
        there.trainers[there.holding(first)[1]].kill()
        eventually(lambda: there.ended(*searches), "the end of both searches", PATIENCE_SECONDS)
        counts = [there.client.get_search(search).counts for search in searches]
        there.client.ensure_search(name("too-large"), spec(3, trials=1, epochs=1))
        waits = "waits for a gang of 3 trainers on one kind of device, and 2 are there"
        eventually(lambda: waits in there.client.get_search(name("too-large")).message, "to be told why it waits")
    assert [(one.succeeded, one.failed, one.lost) for one in counts] == [(2, 0, 0)] * 2
    failures = rows(there.state, "SELECT failure_kind FROM attempts WHERE failure_kind IS NOT NULL")
    assert failures in ([(FailureKind.GANG_BROKEN.value,)], [(FailureKind.LEASE_EXPIRED.value,)])
    assert rows(there.state, "SELECT count(*) FROM attempts WHERE outcome_id IS NOT NULL AND failure_kind IS NULL") == [(4,)]


def test_a_network_that_fails_in_one_member_is_not_taken_for_the_loss_that_the_others_see(tmp_path: Path) -> None:
    search = name("diverges")
    task = PluginTask(object="nasfleet_testing.gang_task:OneRankDiverges")
    retries = TrialSettings(retries=Retries(model_failure=0))
    with fleet(tmp_path, 2) as there:
        there.client.ensure_search(search, spec(2, trials=1, epochs=1, task=task, trial=retries))
        eventually(lambda: there.ended(search), "the end of the search", PATIENCE_SECONDS)
        trial = there.client.get_trial(f"{search}/trials/0")
    assert trial.attempt_count == 1
    assert FailureKind(trial.failure.kind) is FailureKind.NOT_FINITE
    assert trial.failure.message == "the loss of rank 1 is NaN"
