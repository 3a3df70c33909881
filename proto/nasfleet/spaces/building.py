"""From the search document's section to the search space that it describes."""

from typing import assert_never

from nasfleet.catalogue.cell_tree import CellTree
from nasfleet.catalogue.conv_chain import ConvChain
from nasfleet.catalogue.mlp import MlpChoices
from nasfleet.catalogue.spaces import Choices, PluginSpace, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.cell_tree import CellTreeSpace
from nasfleet.spaces.conv_chain import ConvChainSpace
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.decision import Choice
from nasfleet.spaces.mlp_space import MlpSpace
from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet.spaces.space import Description, SearchSpace


def build_space(section: SearchSpaceSection, layers: int | None = None) -> SearchSpace:
    """Return the space of this section, `layers` deep, or with so many leaves, if it is one that grows.

    Raises:
        InvalidInputError: if the section describes no valid space.
    """
    match section.space:
        case ConvChain() as chain:
            return ConvChainSpace(chain, chain.layers if layers is None else layers)
        case Choices() as choices:
            return AssignmentSpace(tuple(Choice(given.name, given.name, given.options) for given in choices.decisions))
        case PluginSpace() as plugin:
            if not plugin.decisions:
                raise InvalidInputError(f"the decisions of {plugin.object} are not known here: wait until it has been lowered")
            return AssignmentSpace(plugin.decisions)
        case CellTree() as tree:
            return CellTreeSpace(tree, tree.base if layers is None else layers)
        case MlpChoices() as mlp:
            return MlpSpace(mlp)
        case _:
            assert_never(section.space)


def layers_at(section: SearchSpaceSection, trial_number: int) -> int | None:
    """Return the layers or leaves of the space for this trial, counted from 0; None for a space that does not grow."""
    growth = section.growth
    if growth is None or not isinstance(section.space, ConvChain | CellTree):
        return None
    start = section.space.base if isinstance(section.space, CellTree) else section.space.layers
    return min(start + growth.layers * (trial_number // growth.every_trials), growth.max_layers)


def depth_of(section: SearchSpaceSection, description: Description) -> int | None:
    """Return the layers or leaves of the space in which this architecture was chosen; None for a space without."""
    match section.space, description:
        case ConvChain() as chain, ConvNet():
            return len(description.layers) // chain.block_layers
        case CellTree(), RecurrentCell():
            return description.base
        case _:
            return None
