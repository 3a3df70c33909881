"""The task of language from one end to the other, on a text whose uncertainty is known."""

import json
import math
import random
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import Corpus, InverseSquaredPerplexity, LanguageModeling, Weights
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell
from nasfleet_testing.cells import FIGURE_5
from nasfleet_testing.specs import smallest_spec
from nasfleet_trainer.course import StoppedEarly
from nasfleet_trainer.failures import CannotBuildError, NotFiniteError
from nasfleet_trainer.language_size import LanguageModelSize
from nasfleet_trainer.language_training import LanguageTraining, descend, learning_rate
from nasfleet_trainer.networks.cell_layer import CellLayer
from nasfleet_trainer.networks.language_model import LanguageModel, Rates
from nasfleet_trainer.tasks.language_modeling import LanguageModelingTask
from nasfleet_trainer.tasks.task import ChildRun

torch.set_num_threads(1)
# tanh of the sum of two leaves: an Elman network with a memory.
ELMAN = RecurrentCell((Operation("add", "identity"),) * 2 + (Operation("add", "tanh"),), Operation("add", "identity"), 0, 0)
PLAIN: dict[str, float] = {"dropout": 0.0, "recurrent_dropout": 0.0, "embedding_dropout": 0.0}
SMALL: dict[str, Any] = {
    "corpus": Corpus.FILES,
    "training_file": "train.txt",
    "validation_file": "valid.txt",
    "layers": 1,
    "target_parameters": 2000,
    "epochs": 3,
    "batch_size": 10,
    "steps": 10,
    "initial_range": 0.2,
    "learning_rate": 0.5,
    **PLAIN,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write a text in which each word follows from the one before it, but that every other one is either of two."""
    rng = random.Random(0)
    for name, pairs in (("train.txt", 1500), ("valid.txt", 300)):
        (tmp_path / name).write_text(" ".join(rng.choice(["a b", "c d"]) for _ in range(pairs)))
    return tmp_path


def child_run(task: LanguageModeling, data: Path, description: Any = ELMAN, **changes: Any) -> ChildRun:
    of_the_run = {name: changes.pop(name) for name in ("artifacts_dir",) if name in changes}
    seed = changes.pop("seed", 1)
    spec = smallest_spec(task=task, reward=InverseSquaredPerplexity(), **changes)
    return ChildRun(description, (1, 0), seed, spec, "namespaces/default/searches/text/trials/3", data_dir=data, **of_the_run)


def silent(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
    """Take an epoch and say nothing."""


def trained(data: Path, description: Any = ELMAN, **changes: Any) -> Measurement:
    task = LanguageModeling(**(SMALL | changes))
    return LanguageModelingTask(task).train(child_run(task, data, description), silent)


def test_a_child_learns_all_that_there_is_to_learn_and_no_more(data: Path) -> None:
    # Every other word is one of two, the others are sure: the square root of 2 is the least perplexity.
    measurement = trained(data, epochs=6, learning_rate_decay_after=1, learning_rate_decay_factor=0.4)
    assert 1.38 < measurement.value < 1.5
    assert measurement.epochs[0].value > measurement.value
    assert measurement.epochs[-1].loss == pytest.approx(math.log(measurement.value), abs=0.05)


def test_the_measurement_says_what_the_child_is_and_what_it_cost(data: Path) -> None:
    reported: list[tuple[EpochMeasurement, int | None]] = []
    task = LanguageModeling(**SMALL)
    measurement = LanguageModelingTask(task).train(
        child_run(task, data), lambda epoch, *, examples=None: reported.append((epoch, examples))
    )
    # Words a to d and an end of line: two tables of 5 * H, 5 biases, four matrices of H * H; H = 21 is the widest below 2,000.
    assert measurement.parameters == 2 * 5 * 21 + 5 + 4 * 21 * 21 == 1979
    assert measurement.multiply_adds == 4 * 21 * 21 + 5 * 21
    assert [epoch for epoch, _ in reported] == list(measurement.epochs)
    # 3,001 words in 10 streams of 300: 29 windows of 10 steps.
    assert {examples for _, examples in reported} == {2900}
    assert measurement.seconds >= sum(epoch.seconds for epoch in measurement.epochs)


def test_one_seed_is_one_curve_and_another_is_another(data: Path) -> None:
    task = LanguageModeling(**(SMALL | {"dropout": 0.2, "recurrent_dropout": 0.2, "embedding_dropout": 0.1}))
    children = LanguageModelingTask(task)
    curves = [[epoch.loss for epoch in children.train(child_run(task, data, seed=seed), silent).epochs] for seed in (1, 2, 1)]
    assert curves[0] == curves[2] != curves[1]


def test_weights_are_kept_with_all_that_it_takes_to_measure_them_again(data: Path, tmp_path: Path) -> None:
    task = LanguageModeling(**(SMALL | {"epochs": 1}))
    run = child_run(task, data, artifacts_dir=tmp_path / "artifacts", weights=Weights.ALL)
    measurement = LanguageModelingTask(task).train(run, silent)
    assert measurement.weights_uri is not None
    path = Path(url2pathname(urlparse(measurement.weights_uri).path))
    facts = json.loads((path.parent / "trial-3.json").read_text())
    network = LanguageModel(
        len(facts["vocabulary"]),
        facts["hiddenUnits"],
        [CellLayer(ELMAN, facts["hiddenUnits"], facts["hiddenUnits"])],
        tied=facts["tiedEmbeddings"],
        initial_range=0.1,
    )
    network.load_state_dict(safetensors.torch.load_file(path))
    words = data.joinpath("valid.txt").read_text().split()
    tokens = np.array([facts["vocabulary"].index(word) for word in [*words, "<eos>"]])
    again = LanguageTraining(network, recipe=task, seed=0, training=tokens, validation=tokens)
    assert math.exp(again._evaluate()) == pytest.approx(facts["value"], rel=1e-5)


def test_a_child_that_is_stopped_early_is_measured_by_its_epochs_and_its_weights_are_kept(data: Path, tmp_path: Path) -> None:
    def report(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        if epoch.epoch == 2:
            raise StoppedEarly

    task = LanguageModeling(**SMALL)
    run = child_run(task, data, artifacts_dir=tmp_path / "artifacts", weights=Weights.ALL)
    stopped, whole = LanguageModelingTask(task).train(run, report), trained(data)
    assert [epoch.value for epoch in stopped.epochs] == [epoch.value for epoch in whole.epochs[:2]]
    assert stopped.value == whole.epochs[1].value
    assert stopped.parameters == whole.parameters
    assert stopped.weights_uri is not None


def test_a_child_whose_loss_is_no_number_has_failed_by_itself(data: Path) -> None:
    squaring = RecurrentCell((Operation("add", "identity"),) * 2 + (Operation("elemMult", "identity"),), ELMAN.inject, 0, 0)
    with pytest.raises(NotFiniteError, match="the child diverged in epoch 1: its loss is nan"):
        trained(data, squaring, learning_rate=1000.0, gradient_clip=1e6, initial_range=10.0)


def test_a_perplexity_that_is_too_large_to_be_meant_is_a_failure_with_a_name(data: Path) -> None:
    with pytest.raises(NotFiniteError, match=r"its perplexity is more than 1e\+12"):
        trained(data, learning_rate=1000.0, gradient_clip=10.0, epochs=1)


def test_what_is_no_cell_is_not_trained(data: Path) -> None:
    with pytest.raises(CannotBuildError, match="search recurrentCell"):
        trained(data, Assignment((("rate", 0.1),)))


def test_a_number_of_parameters_that_the_vocabulary_alone_exceeds_cannot_be_met(data: Path) -> None:
    with pytest.raises(CannotBuildError, match="targetParameters is 10, but a vocabulary of 5 alone takes 19 at a width of 1"):
        trained(data, target_parameters=10)


def test_more_places_than_the_text_has_words_for_are_refused(data: Path) -> None:
    with pytest.raises(InvalidInputError, match="batchSize is 65536, but the training text has 3001 words"):
        trained(data, batch_size=65536)


@given(
    st.builds(LanguageModelSize, st.integers(2, 20_000), st.integers(1, 4), st.integers(4, 128), st.booleans()),
    st.integers(1, 50_000_000),
)
def test_the_width_is_the_greatest_whose_parameters_are_not_too_many(size: LanguageModelSize, target: int) -> None:
    if size.parameters(1) > target:
        with pytest.raises(InvalidInputError, match="targetParameters"):
            size.widest(target)
        return
    width = size.widest(target)
    assert size.parameters(width) <= target < size.parameters(width + 1)


@pytest.mark.parametrize("tied", [False, True])
def test_a_network_has_the_parameters_that_its_size_says(*, tied: bool) -> None:
    network = LanguageModel(7, 3, [CellLayer(FIGURE_5, 3, 3) for _ in range(2)], tied=tied, initial_range=0.1)
    counted = sum(parameter.numel() for parameter in network.parameters())
    assert counted == LanguageModelSize(7, 2, 4, tied).parameters(3)


def test_medium_networks_of_the_paper_have_about_20_million_parameters() -> None:
    # The medium LSTM: 10,000 words, 2 layers of 650 units, 8 matrices each.
    size = LanguageModelSize(10_000, 2, 8, tied=False)
    assert size.parameters(650) == 19_770_000
    assert [size.widest(19_770_000 + more) for more in (-1, 0, 1)] == [649, 650, 650]


def test_masks_keep_the_mean_and_leave_out_their_share() -> None:
    network = LanguageModel(4000, 50, [CellLayer(FIGURE_5, 50, 50)], tied=True, initial_range=0.1)
    masks = network.masks(200, Rates(0.1, 0.5, 0.25), torch.Generator().manual_seed(1))
    for mask, rate in ((masks.words, 0.1), (masks.between[0], 0.5), (masks.between[1], 0.5), (masks.recurrent[0], 0.25)):
        assert mask is not None
        assert mask.mean().item() == pytest.approx(1, abs=0.03)
        assert (mask == 0).float().mean().item() == pytest.approx(rate, abs=0.03)
    assert network.masks(2, Rates(), torch.Generator()) == network.no_masks()


def test_a_word_that_is_left_out_is_left_out_wherever_it_stands() -> None:
    network = LanguageModel(3, 2, [CellLayer(ELMAN, 2, 2)], tied=False, initial_range=1.0)
    none = network.no_masks()
    masks = type(none)(torch.tensor([[1.0], [0.0], [1.0]]), none.between, none.recurrent)
    state = network.first_state(1)
    with torch.no_grad():
        silenced, _ = network(torch.tensor([[1], [1]]), state, masks)
        network.embedding.weight[1] = 5.0
        still_silenced, _ = network(torch.tensor([[1], [1]]), state, masks)
    assert torch.equal(silenced, still_silenced)


def test_errors_do_not_go_back_beyond_a_window_and_the_state_goes_on() -> None:
    recipe = LanguageModeling(**(SMALL | {"batch_size": 1, "steps": 2, "learning_rate": 1e-9}))
    network = LanguageModel(3, 4, [CellLayer(ELMAN, 4, 4)], tied=False, initial_range=0.5)
    tokens = np.array([0, 1, 2, 0, 1])
    training = LanguageTraining(network, recipe=recipe, seed=0, training=tokens, validation=tokens)
    loss = training.train_once(1e-9)
    # Two windows with the state carried over lose as much as one of four steps.
    with torch.no_grad():
        logits, _ = network(torch.tensor(tokens[:4]).view(4, 1), network.first_state(1), network.no_masks())
    whole = torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[1:])).item()
    assert loss == pytest.approx(whole, rel=1e-5)


def test_a_long_gradient_is_shortened_and_a_short_one_is_not() -> None:
    # Norm 5 of (3, 4), clipped to 1: a step of 0.5 goes (0.3, 0.4).
    parameters = [torch.zeros(1), torch.zeros(1)]
    descend(parameters, [torch.tensor([3.0]), torch.tensor([4.0])], torch.tensor(0.5), clip=1.0)
    assert torch.cat(parameters).tolist() == pytest.approx([-0.3, -0.4], rel=1e-5)
    descend(parameters, [torch.tensor([0.3]), torch.tensor([0.4])], torch.tensor(1.0), clip=1.0)
    assert torch.cat(parameters).tolist() == pytest.approx([-0.6, -0.8], rel=1e-5)


def test_the_step_size_falls_after_the_sixth_epoch() -> None:
    recipe = LanguageModeling(learning_rate=1.0, learning_rate_decay_factor=0.5, learning_rate_decay_after=6)
    assert [learning_rate(recipe, epoch) for epoch in range(8)] == [1, 1, 1, 1, 1, 1, 0.5, 0.25]
