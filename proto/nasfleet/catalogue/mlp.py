"""Fully connected networks: the space of the course project "ENAS on DDQN" (IISc), for any number of layers."""

from collections.abc import Iterator
from typing import ClassVar

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem
from nasfleet.catalogue.rule import Rule

MOST_HIDDEN_PARAMETERS = 2**31
COURSE = "the course project ENAS on DDQN (IISc)"


class MlpActivation(Named):
    """What becomes of the sums of a fully connected layer."""

    RELU = "relu", "max(x, 0)."
    SIGMOID = "sigmoid", "1 / (1 + exp(-x))."
    TANH = "tanh", "Hyperbolic tangent."
    ELU = "elu", "x, below 0 exp(x) - 1."
    GELU = "gelu", "x times the normal distribution at x."
    SILU = "silu", "x times sigmoid(x)."
    LEAKY_RELU = "leakyRelu", "x, below 0 a hundredth of it."


@block
class MlpChoices(Block):
    """Fully connected networks: a width and an activation for each hidden layer, and a linear output."""

    BLOCK: ClassVar[str] = "mlp"

    layers: int = parameter("Hidden layers.", default=2, minimum=1, maximum=64, unit="layers", source=COURSE)
    widths: tuple[int, ...] = parameter(
        "Widths that each hidden layer chooses from.",
        default=(64, 128, 256, 1024, 2048),
        minimum=1,
        maximum=65536,
        min_length=1,
        max_length=32,
        distinct=True,
        unit="units",
        source=COURSE,
    )
    activations: tuple[MlpActivation, ...] = parameter(
        "Activations that each hidden layer chooses from.",
        default=(MlpActivation.RELU, MlpActivation.SIGMOID),
        min_length=1,
        max_length=16,
        distinct=True,
        source=COURSE,
    )

    RULES = (
        Rule(
            # One is put beside the choices so that an empty list, which has been refused already, has a greatest element.
            holds="(self.widths + [1]).max() * ((self.widths + [1]).max() + 1) * (self.layers - 1) "
            f"<= {MOST_HIDDEN_PARAMETERS}",
            message=f"has networks of more than {MOST_HIDDEN_PARAMETERS:,} parameters: give fewer layers or narrower ones",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield networks that no trainer could hold, whatever they read."""
        widest = max(self.widths)
        parameters = widest * (widest + 1) * (self.layers - 1)
        if parameters > MOST_HIDDEN_PARAMETERS:
            fault = f"has networks of up to {parameters:,} parameters, more than {MOST_HIDDEN_PARAMETERS:,}"
            yield Problem((), fault, "give fewer layers or narrower ones")
