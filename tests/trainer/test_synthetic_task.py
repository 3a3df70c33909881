"""The synthetic task: a formula with a known optimum, and failures on demand."""

import asyncio
import dataclasses
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue.conv_chain import ConvChain
from nasfleet.catalogue.spaces import Growth, SearchSpaceSection
from nasfleet.catalogue.tasks import FailureRates, Synthetic
from nasfleet.errors import NasfleetError
from nasfleet.measurement import EpochMeasurement, FailureKind, Measurement
from nasfleet.spaces.building import build_space
from nasfleet_testing.scripted_controller import search_spec
from nasfleet_trainer.failures import classify
from nasfleet_trainer.tasks.synthetic import SyntheticTask, draw_accident, optimum
from nasfleet_trainer.tasks.task import ChildRun


def child(section: Synthetic, tokens: tuple[int, ...], seed: int = 0) -> ChildRun:
    spec = search_spec(section)
    return ChildRun(build_space(spec.search_space).decode(tokens), tokens, seed, spec, "namespaces/default/searches/s/trials/1")


def train(section: Synthetic, run: ChildRun, accidents: Random | None = None) -> tuple[Measurement, list[EpochMeasurement]]:
    reported: list[EpochMeasurement] = []

    def report(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        reported.append(epoch)

    return asyncio.run(SyntheticTask(section, accidents).train(run, report)), reported


@given(seed=st.integers(0, 2**32 - 1), tokens=st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3)))
def test_the_value_is_the_share_of_tokens_that_are_the_optimums(seed: int, tokens: tuple[int, ...]) -> None:
    section = Synthetic(optimum_seed=seed)
    best = optimum(build_space(search_spec(section).search_space).decisions, seed)
    measurement, _ = train(section, child(section, tokens))
    assert measurement.value == sum(a == b for a, b in zip(tokens, best, strict=True)) / 3
    assert train(section, child(section, best))[0].value == 1


def test_noise_comes_from_the_childs_seed() -> None:
    section = Synthetic(noise=0.1)
    first, again, other = (train(section, child(section, (0, 0, 0), seed))[0].value for seed in (1, 1, 2))
    assert first == again != other


def test_every_epoch_is_reported_and_measured() -> None:
    section = Synthetic(epochs=4)
    measurement, reported = train(section, child(section, (0, 0, 0)))
    assert [epoch.epoch for epoch in reported] == [1, 2, 3, 4]
    assert measurement.epochs == tuple(reported)
    assert reported[-1].value == measurement.value


def test_a_space_that_grows_keeps_the_optimum_of_its_first_layers() -> None:
    section = SearchSpaceSection(space=ConvChain(layers=2), growth=Growth(max_layers=4))
    shallow, deep = (optimum(build_space(section, layers).decisions, 5) for layers in (2, 4))
    assert deep[: len(shallow)] == shallow
    spec = dataclasses.replace(search_spec(Synthetic(optimum_seed=5)), search_space=section)
    run = ChildRun(build_space(section, 4).decode(deep), deep, 0, spec, "namespaces/default/searches/s/trials/1")
    assert train(Synthetic(optimum_seed=5), run)[0].value == 1


@pytest.mark.parametrize("kind", [field.name for field in dataclasses.fields(FailureRates)])
def test_each_kind_of_failure_happens_at_its_rate_and_is_told_apart(kind: str) -> None:
    section = Synthetic(failures=FailureRates(**{kind: 0.25}))
    accidents = Random(1)
    errors = []
    for seed in range(400):
        try:
            train(section, child(section, (0, 0, 0), seed), accidents)
        except (NasfleetError, RuntimeError) as error:
            errors.append(error)
    assert len(errors) == pytest.approx(100, abs=30)
    assert {classify(error).kind for error in errors} == {FailureKind[kind.upper()]}


def test_a_trial_that_failed_once_may_succeed_when_it_is_tried_again() -> None:
    section = Synthetic(failures=FailureRates(crashed=0.5))
    accidents = Random(1)
    endings = set()
    for _ in range(50):
        try:
            train(section, child(section, (0, 0, 0), seed=1), accidents)
        except RuntimeError:
            endings.add("crashed")
        else:
            endings.add("measured")
    assert endings == {"crashed", "measured"}


@given(draw=st.floats(0, 1, exclude_max=True))
def test_without_rates_nothing_fails(draw: float) -> None:
    assert draw_accident(FailureRates(), draw) is None
