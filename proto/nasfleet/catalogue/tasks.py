"""Tasks: how a child network is trained and measured."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.spaces import OBJECT_HINT, OBJECT_PATTERN

_CHILD_SOURCE = "Zoph & Le 2016, section 4.1"
_DENSENET_SOURCE = "Huang et al. 2017 (DenseNet), section 4.2; Zoph & Le 2016 give none"
_MOST_EPOCHS = 100_000


class Dataset(Named):
    """The images of a classification task."""

    DIGITS = "digits", "1,797 handwritten digits, 8 pixels high and wide, which come with scikit-learn."
    CIFAR10 = "cifar10", "CIFAR-10 in its published Python or binary layout, below the trainer's data directory."
    FOLDER = "folder", "Image files below the trainer's data directory, one folder for each class."


class Precision(Named):
    """The numbers that a child network computes with."""

    AUTO = "Auto", "BFloat16 on a GPU that computes with it, Float32 elsewhere."
    FLOAT32 = "Float32", "32-bit floating point."
    BFLOAT16 = "BFloat16", "16-bit brain floating point, with 32-bit weights."


@block
class ImageClassification(Block):
    """Trains a convolutional network to tell classes of images apart; the figure of merit is the validation accuracy."""

    dataset: Dataset = parameter("The images.", default=Dataset.DIGITS)
    folder: str | None = parameter(
        "Folder below the trainer's data directory, with dataset folder only; without it the data directory itself.",
        default=None,
        min_length=1,
        max_length=1024,
    )
    image_size: int = parameter(
        "Height and width to which the images of a folder are scaled.",
        default=32,
        minimum=4,
        maximum=1024,
        unit="pixels",
    )
    epochs: int = parameter(
        "Passes over the training images.",
        default=50,
        minimum=1,
        maximum=_MOST_EPOCHS,
        unit="epochs",
        source=_CHILD_SOURCE,
    )
    batch_size: int = parameter(
        "Images that one step learns from.",
        default=64,
        minimum=1,
        maximum=65536,
        unit="images",
        source=_DENSENET_SOURCE,
    )
    learning_rate: float = parameter(
        "Step size at the start.",
        default=0.1,
        exclusive_minimum=0,
        maximum=100,
        source=_CHILD_SOURCE,
    )
    momentum: float = parameter("Nesterov momentum.", default=0.9, minimum=0, exclusive_maximum=1, source=_CHILD_SOURCE)
    weight_decay: float = parameter("Weight decay.", default=1e-4, minimum=0, maximum=1, source=_CHILD_SOURCE)
    learning_rate_decay_at: tuple[float, ...] = parameter(
        "When the step size falls, as shares of the epochs.",
        default=(0.5, 0.75),
        exclusive_minimum=0,
        exclusive_maximum=1,
        min_length=1,
        max_length=16,
        distinct=True,
        source=_DENSENET_SOURCE,
    )
    learning_rate_decay_factor: float = parameter(
        "What the step size is multiplied by each time; 1 keeps it.",
        default=0.1,
        exclusive_minimum=0,
        maximum=1,
        source=_DENSENET_SOURCE,
    )
    whiten: bool = parameter(
        "Whether each image is whitened, to mean 0 and variance 1 over its pixels.", default=True, source=_CHILD_SOURCE
    )
    flip: bool = parameter("Whether training images are mirrored at random.", default=True, source=_CHILD_SOURCE)
    upsample_size: int | None = parameter(
        "Height and width to which training images are enlarged before a random crop of their own size; that size for no "
        "crop. Without it 5/4 of their size: 40 for CIFAR-10.",
        default=None,
        minimum=4,
        maximum=2048,
        unit="pixels",
        source="Zoph & Le 2016, section 4.1; the 40 from Zoph et al. 2018 (NASNet), appendix A.1",
    )
    validation_examples: int | None = parameter(
        "Training images held out to measure on. Without it 5,000 of CIFAR-10, a fifth of others.",
        default=None,
        minimum=1,
        maximum=100_000_000,
        unit="images",
        source=_CHILD_SOURCE,
    )
    training_examples: int | None = parameter(
        "Train on this many images only. Without it on all that are not held out.",
        default=None,
        minimum=1,
        maximum=100_000_000,
        unit="images",
    )
    precision: Precision = parameter("The numbers that are computed with.", default=Precision.AUTO)

    RULES = (
        Rule(
            holds="!has(self.folder) || self.dataset == 'folder'",
            message="is given, but dataset is not folder: remove it, or give dataset folder",
            path="folder",
        ),
        Rule(
            holds="self.learningRateDecayAt.isSorted()",
            message="is out of order: give the shares in ascending order",
            path="learningRateDecayAt",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield a folder for a data set that has none, and decays that are not in order."""
        if self.folder is not None and self.dataset is not Dataset.FOLDER:
            yield Problem(
                ("folder",), f"is {shown(self.folder)}, but dataset is {self.dataset}", "remove it, or give dataset folder"
            )
        if list(self.learning_rate_decay_at) != sorted(self.learning_rate_decay_at):
            fault = f"is {shown(self.learning_rate_decay_at)}"
            yield Problem(("learningRateDecayAt",), fault, "give the shares in ascending order")


@block
class Tabular(Block):
    """Looks every measurement up in a table: no training, so that strategies are compared in seconds."""

    file: str = parameter(
        "A CSV or JSON Lines file below the trainer's data directory, by its ending; one row for each architecture.",
        pattern=r".*\.(csv|jsonl)",
        pattern_hint="the name of a .csv or .jsonl file",
        min_length=5,
        max_length=1024,
    )
    tokens_column: str = parameter(
        "Column of the tokens: a list, or numbers with blanks between them.", default="tokens", min_length=1, max_length=255
    )
    value_column: str = parameter("Column of the figure of merit.", default="value", min_length=1, max_length=255)
    seconds_column: str | None = parameter(
        "Column of the seconds that the training took. Without it all took none.", default=None, min_length=1, max_length=255
    )
    replay_time_scale: float = parameter(
        "Share of the tabled seconds that a trial takes here; 0 for at once.",
        default=0.0,
        minimum=0,
        maximum=1000,
        unit="seconds per tabled second",
    )

    RULES = (
        Rule(
            holds="self.replayTimeScale == 0.0 || has(self.secondsColumn)",
            message="is given, but there is no secondsColumn: name the column of the seconds, or remove it",
            path="replayTimeScale",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield a replay of seconds that the table does not have."""
        if self.replay_time_scale > 0 and self.seconds_column is None:
            fault = f"is {shown(self.replay_time_scale)}, but there is no secondsColumn"
            yield Problem(("replayTimeScale",), fault, "name the column of the seconds, or remove it")


_SUM_OF_RATES = "self.notFinite + self.outOfMemory + self.cannotBuild + self.crashed + self.timedOut + self.trainerUnable"


def _rate(description: str) -> Any:
    return parameter(description, default=0.0, minimum=0, maximum=1, unit="share of the attempts")


@block
class FailureRates(Block):
    """How often attempts of a synthetic task fail, by kind."""

    not_finite: float = _rate("With a loss that is no finite number.")
    out_of_memory: float = _rate("For want of memory.")
    cannot_build: float = _rate("With a network that cannot be built.")
    crashed: float = _rate("With an error in the training.")
    timed_out: float = _rate("By taking too long.")
    trainer_unable: float = _rate("For want of a data set or device, which is not the network's fault.")

    RULES = (
        Rule(
            holds=f"{_SUM_OF_RATES} <= 1.0",
            message="has rates that add up to more than 1: give rates that add up to 1 at most",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield rates that exceed 1 together."""
        total = self.not_finite + self.out_of_memory + self.cannot_build + self.crashed + self.timed_out + self.trainer_unable
        if total > 1:
            yield Problem((), f"has rates that add up to {total:g}", "give rates that add up to 1 at most")


@block
class Synthetic(Block):
    """Trains nothing: the figure of merit is the share of tokens that agree with an optimum drawn from a seed."""

    optimum_seed: int = parameter("Seed of the best architecture, whose value is 1.", default=0, minimum=0, maximum=2**32 - 1)
    noise: float = parameter(
        "Standard deviation of the normal noise on a value.", default=0.0, minimum=0, maximum=100, unit="units of the value"
    )
    epochs: int = parameter("Epochs that are reported.", default=1, minimum=1, maximum=_MOST_EPOCHS, unit="epochs")
    epoch_seconds: float = parameter("Time that each epoch takes.", default=0.0, minimum=0, maximum=86_400, unit="seconds")
    failures: FailureRates = parameter("How often attempts fail.", default=FailureRates())


@block
class PluginTask(Block):
    """A task of one's own in Python."""

    BLOCK: ClassVar[str] = "plugin"

    object: str = parameter(
        "A class or function that is called with the parameters and returns the task; trainers import it.",
        pattern=OBJECT_PATTERN,
        pattern_hint=OBJECT_HINT,
        max_length=255,
    )
    parameters: Mapping[str, Any] = parameter("What it is called with, by name.", default_factory=dict, max_length=256)
