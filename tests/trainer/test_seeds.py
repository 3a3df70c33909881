"""Several seeds of one child: each is trained, their mean is the measurement, in the agent's loop and in slot processes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from nasfleet.catalogue import Synthetic
from nasfleet.catalogue.search import SearchSpec
from nasfleet.catalogue.tasks import FailureRates, PluginTask
from nasfleet.codec import measurement_from_proto, measurement_to_proto, spec_from_proto, spec_to_proto
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.assignment import Assignment
from nasfleet.v1 import trial_pb2
from nasfleet_testing.scripted_controller import PATIENCE_SECONDS, announce, assign
from nasfleet_testing.specs import smallest_spec
from nasfleet_trainer.leases import Result
from nasfleet_trainer.metrics import Metrics
from nasfleet_trainer.searches import Place, Searches
from nasfleet_trainer.seeds import SeedSeries, mean_curve, seed_of
from nasfleet_trainer.slots import Slots
from nasfleet_trainer.tasks.task import ChildRun


def epochs(*values: float, loss: float | None = None) -> tuple[EpochMeasurement, ...]:
    return tuple(EpochMeasurement(number, value, 2.0, loss) for number, value in enumerate(values, start=1))


class Told:
    """What was reported."""

    def __init__(self) -> None:
        self.epochs: list[EpochMeasurement] = []
        self.examples: list[int | None] = []

    def __call__(self, epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        self.epochs.append(epoch)
        self.examples.append(examples)


def series(seeds: int, told: Told) -> SeedSeries:
    return SeedSeries(ChildRun(Assignment(()), (), 5, smallest_spec(seeds_per_trial=seeds), "t"), told)


def played(curves: Sequence[tuple[EpochMeasurement, ...]], told: Told, **about: object) -> tuple[SeedSeries, list[int]]:
    """Return a series of children that report these curves, and their seeds."""
    made, seeds = series(len(curves), told), []
    for (run, report), curve in zip(made.children(), curves, strict=True):
        seeds.append(run.seed)
        for epoch in curve:
            report(epoch, examples=10)
        made.add(Measurement(curve[-1].value, curve, 4.0, 8.0, 7, 9, **about))  # type: ignore[arg-type]
    return made, seeds


def test_one_seed_is_the_trial_s_own_and_its_measurement_is_left_as_it_is() -> None:
    told = Told()
    made, seeds = played([epochs(0.5)], told)
    assert seeds == [5]
    assert made.measurement() == Measurement(0.5, epochs(0.5), 4.0, 8.0, 7, 9)
    assert told.epochs == list(epochs(0.5))


def test_the_measurement_is_the_mean_and_has_the_value_of_each_seed() -> None:
    made, seeds = played([epochs(0.1, 0.2), epochs(0.5, 0.6), epochs(0.3, 0.4)], Told(), steps=100)
    measurement = made.measurement()
    assert seeds[0] == 5
    assert len(set(seeds)) == 3
    assert measurement.seed_values == (0.2, 0.6, 0.4)
    assert measurement.value == pytest.approx(0.4)
    assert measurement.seed_deviation == pytest.approx(0.2)
    assert [epoch.value for epoch in measurement.epochs] == pytest.approx([0.3, 0.4])
    assert (measurement.seconds, measurement.trainer_seconds, measurement.steps) == (12.0, 24.0, 300)
    assert (measurement.parameters, measurement.multiply_adds) == (7, 9)


def test_the_mean_curve_is_reported_while_the_last_seed_trains() -> None:
    told = Told()
    made, _ = played([epochs(0.1, 0.2), epochs(0.3, 0.6)], told)
    assert tuple(told.epochs) == made.measurement().epochs
    assert [epoch.seconds for epoch in told.epochs] == [4.0, 4.0]
    assert told.examples == [20, 20]


def test_a_seed_that_ended_early_counts_with_its_last_value() -> None:
    # Mean of 1 and 3; of 2 and 3, with the second's last; then of 6 and 3.
    curve = list(mean_curve([epochs(1.0, 2.0, 6.0), epochs(3.0)]))
    assert [epoch.value for epoch in curve] == [2.0, 2.5, 4.5]
    assert [epoch.seconds for epoch in curve] == [4.0, 2.0, 2.0], "only what was trained took time"


def test_a_last_seed_that_is_shorter_leaves_the_rest_of_the_curve_to_the_measurement() -> None:
    told = Told()
    made, _ = played([epochs(1.0, 2.0, 6.0), epochs(3.0)], told)
    assert [epoch.epoch for epoch in told.epochs] == [1]
    assert [epoch.epoch for epoch in made.measurement().epochs] == [1, 2, 3]


def test_a_loss_is_the_mean_where_all_have_one() -> None:
    assert next(mean_curve([epochs(1.0, loss=2.0), epochs(1.0, loss=4.0)])).loss == 3.0
    assert next(mean_curve([epochs(1.0, loss=2.0), epochs(1.0)])).loss is None


@given(st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=4), min_size=2, max_size=4))
def test_a_mean_curve_ends_at_the_mean_of_the_last_values(values: list[list[float]]) -> None:
    curve = list(mean_curve([epochs(*each) for each in values]))
    assert [epoch.epoch for epoch in curve] == list(range(1, max(map(len, values)) + 1))
    assert curve[-1].value == pytest.approx(fmean(each[-1] for each in values))


@given(st.integers(0, 2**56 - 1))
def test_seeds_of_a_trial_differ_and_follow_from_it(seed: int) -> None:
    seeds = [seed_of(seed, number) for number in range(10)]
    assert seeds[0] == seed
    assert len(set(seeds)) == 10
    assert seeds == [seed_of(seed, number) for number in range(10)]


def test_the_values_of_the_seeds_travel_and_their_deviation_is_told() -> None:
    measurement = Measurement(0.5, (), 1.0, 1.0, seed_values=(0.25, 0.75), steps=12)
    message = measurement_to_proto(measurement)
    assert measurement_from_proto(message) == measurement
    assert message.seed_deviation == pytest.approx(stdev((0.25, 0.75)))
    assert not measurement_to_proto(Measurement(0.5, (), 1.0, 1.0)).HasField("seed_deviation")


async def trained(spec: SearchSpec, seeds: int) -> Result:
    """Return what comes of a trial of a search, in real slots."""
    searches = Searches(Place())
    slots = Slots(searches, Place(), 1, Metrics(CollectorRegistry()))
    announced = announce(Synthetic())
    announced.spec.CopyFrom(spec_to_proto(replace(spec, seeds_per_trial=seeds)))
    searches.announce(announced)
    ended: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
    slots.start(
        assign(1, (0, 0, 0)), lambda _fence, _epoch: None, lambda _fence, result: ended.set_result(result), lambda *_: None
    )
    result = await asyncio.wait_for(ended, PATIENCE_SECONDS)
    await slots.close()
    assert result is not None
    return result


def spec_of(task: object) -> SearchSpec:
    return replace(spec_from_proto(announce(Synthetic()).spec), task=task)  # type: ignore[arg-type]


async def test_an_inline_task_is_trained_once_for_each_seed() -> None:
    result = await trained(spec_of(Synthetic(noise=0.1)), seeds=4)
    assert isinstance(result, trial_pb2.Measurement), result
    assert len(set(result.seed_values)) == 4
    assert result.value == pytest.approx(fmean(result.seed_values))


async def test_a_failure_of_one_seed_is_the_failure_of_the_attempt() -> None:
    # Each seed fails with probability 0.5: that all of 40 succeed has the probability 1e-12.
    result = await trained(spec_of(Synthetic(failures=FailureRates(crashed=0.5))), seeds=40)
    assert isinstance(result, trial_pb2.Failure), result


async def test_the_timeout_is_that_of_all_seeds_together() -> None:
    spec = spec_of(Synthetic(epoch_seconds=0.3))
    result = await trained(replace(spec, trial=replace(spec.trial, timeout=1.0)), seeds=10)
    assert isinstance(result, trial_pb2.Failure), result
    assert result.kind == trial_pb2.FAILURE_KIND_TIMED_OUT


async def test_a_task_of_one_s_own_is_trained_once_for_each_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    result = await trained(spec_of(PluginTask(object="nasfleet_testing.seed_task:SeedTask")), seeds=3)
    assert isinstance(result, trial_pb2.Measurement), result
    assert list(result.seed_values) == [seed_of(assign(1, (0, 0, 0)).seed, number) % 1000 for number in range(3)]
