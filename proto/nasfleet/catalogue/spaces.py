"""Search spaces: what the policy chooses among."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.cell_tree import CellTree
from nasfleet.catalogue.conv_chain import SPACE_SOURCE, ConvChain
from nasfleet.catalogue.mlp import MlpChoices
from nasfleet.catalogue.parameter import parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.blocks import expanded
from nasfleet.spaces.conv_layers import ConvLayer
from nasfleet.spaces.conv_net import MAX_LAYERS, ConvNet
from nasfleet.spaces.decision import Decision, Option

MAX_PARAMETERS = 2**31
OBJECT_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"
OBJECT_HINT = "package.module:object"


@block
class ChoiceDecision(Block):
    """One decision of a space that is written in the document: one of several named values."""

    name: str = parameter(
        "What the decision is about; different from the others' names.",
        pattern="[A-Za-z][A-Za-z0-9_]*",
        pattern_hint="letters, digits and underscores after a letter",
        max_length=63,
    )
    options: tuple[Option, ...] = parameter(
        "The values: texts, numbers or truth values.",
        min_length=1,
        max_length=256,
        distinct=True,
    )


@block
class Choices(Block):
    """A space of one's own without any code: a list of decisions, each with its options."""

    decisions: tuple[ChoiceDecision, ...] = parameter("The decisions, in order.", min_length=1, max_length=1024, key="name")

    def conflicts(self) -> Iterator[Problem]:
        """Yield every decision that has the name of an earlier one."""
        seen: set[str] = set()
        for position, decision in enumerate(self.decisions):
            if decision.name in seen:
                path = ("decisions", f"[{position}]", "name")
                yield Problem(path, f"is {shown(decision.name)} a second time", "give each decision a name of its own")
            seen.add(decision.name)


@block
class PluginSpace(Block):
    """A space of one's own in Python; the controller only ever sees its decisions."""

    BLOCK: ClassVar[str] = "plugin"

    object: str = parameter(
        "A class or function that is called with the parameters and returns the space; trainers import it.",
        pattern=OBJECT_PATTERN,
        pattern_hint=OBJECT_HINT,
        max_length=255,
    )
    parameters: Mapping[str, Any] = parameter("What it is called with, by name.", default_factory=dict, max_length=256)
    decisions: tuple[Decision, ...] = parameter(
        "The space as data, filled in by whoever imports it.",
        default=(),
        max_length=65536,
        in_document=False,
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield what keeps the decisions, once they are known, from being a space."""
        if self.decisions:
            try:
                AssignmentSpace(self.decisions)
            except InvalidInputError as error:
                yield Problem(("object",), f"gives decisions that make no space: {error}", "change the object")


@block
class Growth(Block):
    """Networks grow deeper as the search goes on; recurrent cells get more leaves, which count as layers here."""

    layers: int = parameter(
        "Layers that are added each time.",
        default=2,
        minimum=1,
        maximum=64,
        unit="layers",
        source=SPACE_SOURCE,
    )
    every_trials: int = parameter(
        "Trials proposed between two additions.",
        default=1600,
        minimum=1,
        maximum=1_000_000_000,
        unit="trials",
        source=SPACE_SOURCE,
    )
    max_layers: int = parameter(
        "Depth at which the growth ends.",
        default=20,
        minimum=1,
        maximum=64,
        unit="layers",
        source="Zoph & Le 2016, section 4.1, where 12,800 trials lead there",
    )


@block
class SearchSpaceSection(Block):
    """What is searched: one space, and how it grows."""

    growth: Growth | None = parameter("How the space grows; with convChain and recurrentCell only.", default=None)
    space: ConvChain | Choices | PluginSpace | CellTree | MlpChoices = parameter("The space.", inline=True)

    RULES = (
        Rule(
            holds="!has(self.growth) || has(self.convChain) || has(self.recurrentCell)",
            message="is given with a space that has no layers: remove it, or search a convChain or a recurrentCell",
            path="growth",
        ),
        Rule(
            holds="!has(self.growth) || !has(self.convChain) || self.growth.maxLayers >= self.convChain.layers",
            message="is less than convChain.layers: give at least as many, or fewer layers",
            path="growth.maxLayers",
        ),
        Rule(
            # One is put beside the choices so that an empty list, which has been refused already, has a greatest element.
            holds="!has(self.convChain) || [has(self.growth) ? self.growth.maxLayers : self.convChain.layers].all(layers, "
            "[(self.convChain.filterCounts + [1]).max() + self.convChain.extraFilters].all(filters, "
            "(self.convChain.filterHeights + [1]).max() * (self.convChain.filterWidths + [1]).max() * filters * "
            "(3 + filters * (layers * (self.convChain.blockLayers * (self.convChain.blockLayers - 1) / 2) + "
            "self.convChain.blockLayers * self.convChain.blockLayers * "
            "(self.convChain.skipConnections ? layers * (layers - 1) / 2 : layers - 1))) + "
            f"2 * filters * layers * self.convChain.blockLayers <= {MAX_PARAMETERS}))",
            message=f"has networks of more than {MAX_PARAMETERS:,} parameters: "
            "give fewer layers, smaller filters or fewer of them",
            path="convChain",
        ),
        Rule(
            holds="!has(self.growth) || !has(self.convChain) || "
            f"self.growth.maxLayers * self.convChain.blockLayers <= {MAX_LAYERS}",
            message=f"makes networks of more than {MAX_LAYERS} layers, blocks counted in full: give less, or smaller blocks",
            path="growth.maxLayers",
        ),
        Rule(
            holds="!has(self.convChain) || self.convChain.poolAfter.all(count, count < self.convChain.blockLayers * "
            "(has(self.growth) ? self.growth.maxLayers : self.convChain.layers))",
            message="is not below the number of layers, blocks counted in full: give less, or more layers",
            path="convChain.poolAfter",
        ),
        Rule(
            holds="!has(self.growth) || !has(self.recurrentCell) || self.growth.maxLayers >= self.recurrentCell.base",
            message="is less than recurrentCell.base: give at least as many, or a smaller base",
            path="growth.maxLayers",
        ),
        Rule(
            holds="!has(self.growth) || !has(self.recurrentCell) || !has(self.recurrentCell.cell)",
            message="is given with one cell only, which cannot grow: remove one of them",
            path="growth",
        ),
    )

    @property
    def unlowered(self) -> PluginSpace | None:
        """The space of one's own whose decisions nobody has filled in yet, if it is one."""
        return self.space if isinstance(self.space, PluginSpace) and not self.space.decisions else None

    def conflicts(self) -> Iterator[Problem]:
        """Yield a growth that the space cannot have, and networks that no trainer could hold."""
        chain, growth = self.space, self.growth
        if isinstance(chain, CellTree):
            yield from _cell_growth_conflicts(chain, growth)
            return
        if not isinstance(chain, ConvChain):
            if growth is not None:
                yield Problem(
                    ("growth",),
                    "is given with a space that has no layers",
                    "remove it, or search a convChain or a recurrentCell",
                )
            return
        deepest = chain.layers if growth is None else growth.max_layers
        in_full = deepest * chain.block_layers
        if deepest < chain.layers:
            fault = f"is {deepest}, less than convChain.layers, which is {chain.layers}"
            yield Problem(("growth", "maxLayers"), fault, f"give at least {chain.layers}, or fewer layers")
        elif in_full > MAX_LAYERS:
            fault = f"is {deepest}, which makes {in_full} layers with blocks of {chain.block_layers}, more than {MAX_LAYERS}"
            yield Problem(("growth", "maxLayers"), fault, f"give at most {MAX_LAYERS // chain.block_layers}, or smaller blocks")
        elif (parameters := _largest_network(chain, deepest).parameters()) > MAX_PARAMETERS:
            fault = f"has networks of up to {parameters:,} parameters, more than {MAX_PARAMETERS:,}"
            yield Problem(("convChain",), fault, "give fewer layers, smaller filters or fewer of them")
        if beyond := [count for count in chain.pool_after if count >= in_full]:
            fault = f"has {beyond[0]}, and the networks have {in_full} layers at most, blocks counted in full"
            yield Problem(("convChain", "poolAfter"), fault, f"give less than {in_full}, or more layers")


def _cell_growth_conflicts(tree: CellTree, growth: Growth | None) -> Iterator[Problem]:
    if growth is None:
        return
    if growth.max_layers < tree.base:
        fault = f"is {growth.max_layers}, less than recurrentCell.base, which is {tree.base}"
        yield Problem(("growth", "maxLayers"), fault, f"give at least {tree.base}, or a smaller base")
    if tree.cell is not None:
        yield Problem(("growth",), "is given with one cell only, which cannot grow", "remove one of them")


def _largest_network(chain: ConvChain, layers: int) -> ConvNet:
    """Return the network of the most parameters among those of convolutions only."""
    widest = [
        ConvLayer(
            filter_height=max(chain.filter_heights),
            filter_width=max(chain.filter_widths),
            filters=max(chain.filter_counts) + chain.extra_filters,
            inputs=tuple(range(0 if chain.skip_connections else max(0, number - 1), number)),
        )
        for number in range(layers)
    ]
    return ConvNet(expanded(widest, chain.block_layers))
