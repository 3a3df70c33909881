"""From the search document's section to the search space that it describes."""

from typing import assert_never

from nasfleet.catalogue.conv_chain import ConvChain
from nasfleet.catalogue.mlp import MlpChoices
from nasfleet.catalogue.spaces import Choices, PluginSpace, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.conv_chain import ConvChainSpace
from nasfleet.spaces.decision import Choice
from nasfleet.spaces.mlp_space import MlpSpace
from nasfleet.spaces.space import SearchSpace


def build_space(section: SearchSpaceSection, layers: int | None = None) -> SearchSpace:
    """Return the space of this section, `layers` deep if it is one that grows.

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
                raise InvalidInputError(f"the decisions of {plugin.object} are not known here: submit the search with nasfleet")
            return AssignmentSpace(plugin.decisions)
        case MlpChoices() as mlp:
            return MlpSpace(mlp)
        case _:
            assert_never(section.space)


def layers_at(section: SearchSpaceSection, trial_number: int) -> int | None:
    """Return the depth of the space for this trial, counted from 0; None for a space that does not grow."""
    growth = section.growth
    if growth is None or not isinstance(section.space, ConvChain):
        return None
    return min(section.space.layers + growth.layers * (trial_number // growth.every_trials), growth.max_layers)
