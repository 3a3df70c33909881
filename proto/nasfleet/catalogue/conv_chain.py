"""Chains of convolutions: the space of Zoph & Le (2016)."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem
from nasfleet.catalogue.rule import Rule

SPACE_SOURCE = "Zoph & Le 2016, section 4.1"


class AnchorOrder(Named):
    """Where a layer's skip connections stand among its decisions; figure 4 of Zoph & Le 2016 shows both."""

    AFTER_FILTER_COUNT = "AfterFilterCount", "After the number of filters, at the end of the layer."
    BEFORE_FILTER_COUNT = "BeforeFilterCount", "Before the number of filters."


@block
class ConvChain(Block):
    """Convolutional networks, layer by layer, each with batch normalisation and ReLU."""

    layers: int = parameter(
        "Layers of the network, at the start if it grows.",
        default=6,
        minimum=1,
        maximum=64,
        unit="layers",
        source=SPACE_SOURCE,
    )
    skip_connections: bool = parameter(
        "Whether each layer chooses its inputs among all earlier layers; otherwise it takes the layer before it.",
        default=True,
        source="Zoph & Le 2016, section 3.3",
    )
    strides: bool = parameter(
        "Whether the strides of each layer are chosen; otherwise they are 1.",
        default=False,
        source=SPACE_SOURCE,
    )
    filter_heights: tuple[int, ...] = parameter(
        "Filter heights to choose from; odd, so that padding is the same on both sides.",
        default=(1, 3, 5, 7),
        minimum=1,
        maximum=31,
        min_length=1,
        max_length=16,
        distinct=True,
        unit="pixels",
        source=SPACE_SOURCE,
    )
    filter_widths: tuple[int, ...] = parameter(
        "Filter widths to choose from; odd, so that padding is the same on both sides.",
        default=(1, 3, 5, 7),
        minimum=1,
        maximum=31,
        min_length=1,
        max_length=16,
        distinct=True,
        unit="pixels",
        source=SPACE_SOURCE,
    )
    filter_counts: tuple[int, ...] = parameter(
        "Numbers of filters to choose from.",
        default=(24, 36, 48, 64),
        minimum=1,
        maximum=4096,
        min_length=1,
        max_length=16,
        distinct=True,
        unit="filters",
        source=SPACE_SOURCE,
    )
    stride_choices: tuple[int, ...] = parameter(
        "Strides to choose from, for height and width each, where strides are chosen.",
        default=(1, 2, 3),
        minimum=1,
        maximum=8,
        min_length=1,
        max_length=8,
        distinct=True,
        unit="pixels",
        source=SPACE_SOURCE,
    )
    anchor: AnchorOrder = parameter(
        "Where the skip connections stand among the decisions of a layer.",
        default=AnchorOrder.AFTER_FILTER_COUNT,
        source="Zoph & Le 2016, figure 4, which shows both orders",
    )

    RULES = tuple(
        Rule(holds=f"self.{sizes}.all(size, size % 2 == 1)", message="has an even size: give odd ones", path=sizes)
        for sizes in ("filterHeights", "filterWidths")
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield every filter size that is even."""
        for name, sizes in (("filterHeights", self.filter_heights), ("filterWidths", self.filter_widths)):
            for position, size in enumerate(sizes):
                if size % 2 == 0:
                    yield Problem((name, f"[{position}]"), f"is {size}, which is even", f"give {size - 1} or {size + 1}")
