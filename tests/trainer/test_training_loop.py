"""The training loop: the recipe's schedule, one wait for the device per epoch, and failures that are told apart."""

import itertools
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from nasfleet.catalogue.tasks import ImageClassification, Precision
from nasfleet_trainer.augmentation import Augmentation
from nasfleet_trainer.compute import Compute, choose_compute
from nasfleet_trainer.failures import NotFiniteError, TrainerUnableError
from nasfleet_trainer.training import Examples, Training, learning_rate

torch.set_num_threads(1)
CPU = Compute(torch.device("cpu"), bfloat16=False)
PLAIN = Augmentation(enlarged_side=4, flip=False, whiten=True)


def stripes(count: int = 40) -> Examples:
    """Return images of bright columns and of bright rows, which whitening leaves apart."""
    images = torch.zeros(count, 1, 4, 4, dtype=torch.uint8)
    images[::2, :, :, ::2] = 255
    images[1::2, :, ::2] = 255
    return Examples(images, torch.arange(count) % 2)


def training(seed: int = 0, compute: Compute = CPU, **recipe: Any) -> Training:
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    return Training(network, recipe=ImageClassification(**recipe), augmentation=PLAIN, compute=compute, seed=seed)


def test_step_size_falls_by_ten_at_half_and_at_three_quarters() -> None:
    recipe = ImageClassification()  # 50 epochs at 0.1
    rates = [learning_rate(recipe, epoch) for epoch in range(50)]
    assert [(rate, len(list(same))) for rate, same in itertools.groupby(rates)] == [
        (0.1, 25),
        (pytest.approx(0.01), 13),
        (pytest.approx(0.001), 12),
    ]


def test_child_learns_and_reports_every_epoch() -> None:
    epochs = list(training(epochs=8, batch_size=8).epochs(stripes(), stripes(10)))
    assert [epoch.epoch for epoch in epochs] == list(range(1, 9))
    assert epochs[-1].value == 1
    losses = [epoch.loss for epoch in epochs if epoch.loss is not None]
    assert losses[-1] < losses[0] / 2
    assert all(epoch.seconds > 0 for epoch in epochs)


def test_loss_of_an_epoch_is_the_mean_over_its_images() -> None:
    # At a step size of nothing at all every image has the loss that it had before.
    child = training(epochs=1, batch_size=16, learning_rate=1e-30)
    examples = stripes(37)
    logits = child._network(PLAIN.for_evaluation(examples.images))
    expected = torch.nn.functional.cross_entropy(logits, examples.labels).item()
    assert next(child.epochs(examples, examples)).loss == pytest.approx(expected)


@pytest.mark.parametrize("batch_size", [1, 7, 36, 37, 1000])
def test_every_image_is_seen_once_an_epoch_in_batches_of_even_size(batch_size: int) -> None:
    child = training(epochs=1, batch_size=batch_size)
    seen: list[int] = []

    def step(_: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(len(labels))
        return torch.zeros(())

    child._step = step  # type: ignore[method-assign]  # what it does with them is not the point here
    next(child.epochs(stripes(37), stripes(4)))
    assert sum(seen) == 37
    assert max(seen) <= batch_size
    assert max(seen) - min(seen) <= 1


@pytest.mark.parametrize("bfloat16", [False, True])
def test_same_seed_trains_the_same_child_bit_for_bit(bfloat16: bool) -> None:  # noqa: FBT001 - a parameter of a test
    compute = Compute(torch.device("cpu"), bfloat16=bfloat16)
    one, same, other = (
        [(epoch.value, epoch.loss) for epoch in training(seed, compute, epochs=3, batch_size=8).epochs(stripes(), stripes(10))]
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_child_that_diverges_is_told_apart() -> None:
    child = training(epochs=30, learning_rate=100, momentum=0, weight_decay=1, batch_size=4)
    with pytest.raises(NotFiniteError, match=r"the child diverged in epoch \d+"):
        list(child.epochs(stripes(), stripes(10)))


def test_logits_that_are_not_finite_are_no_accuracy() -> None:
    child = training(epochs=1, learning_rate=1e-30)
    hits = child._hits(stripes(8))
    torch.nn.init.constant_(child._network.get_parameter("1.bias"), float("inf"))
    assert hits.isfinite()
    assert not child._hits(stripes(8)).isfinite()


class Waits(TorchDispatchMode):
    """Counts what makes the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}
        return func(*args, **(kwargs or {}))


def test_host_waits_for_the_device_no_more_often_with_more_steps() -> None:
    counts = []
    for batch_size in (40, 4):
        with Waits() as waits:
            list(training(epochs=2, batch_size=batch_size).epochs(stripes(), stripes(10)))
        counts.append(waits.count)
    assert counts[0] == counts[1]


def test_precision_is_the_devices_unless_the_search_says_it() -> None:
    assert not choose_compute("cpu", Precision.AUTO).bfloat16
    assert choose_compute("cpu", Precision.BFLOAT16).bfloat16
    assert not choose_compute("cpu", Precision.FLOAT32).bfloat16


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_that_is_not_there_is_the_trainers_fault() -> None:
    with pytest.raises(TrainerUnableError, match="told to use cuda, but torch finds no GPU: install the driver"):
        choose_compute("cuda", Precision.AUTO)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_gpu_computes_in_16_bits() -> None:
    compute = choose_compute("cuda", Precision.AUTO)
    assert compute.bfloat16
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)).to(compute.device)
    on_device = Examples(stripes().images.to(compute.device), stripes().labels.to(compute.device))
    child = Training(network, recipe=ImageClassification(epochs=8, batch_size=8), augmentation=PLAIN, compute=compute, seed=0)
    assert list(child.epochs(on_device, on_device))[-1].value == 1
