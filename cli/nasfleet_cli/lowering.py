"""A search space of one's own in Python, lowered to its decisions before a search is sent."""

from nasfleet.catalogue import PluginSpace, SearchSpec
from nasfleet.catalogue.known_decisions import with_space
from nasfleet.lowering import lower


def lowered(spec: SearchSpec) -> SearchSpec:
    """Return the spec with the decisions of its own Python space filled in; any other spec as it is.

    Raises:
        InvalidInputError: if the object cannot be imported or called, or gives no decisions; the message says what to do.
    """
    plugin = spec.search_space.space
    return with_space(spec, lower(plugin, "nasfleet")) if isinstance(plugin, PluginSpace) else spec
