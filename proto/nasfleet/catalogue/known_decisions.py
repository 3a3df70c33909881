"""The decisions of a space of one's own: a declaration names the object only, and they stay what they were once known."""

from dataclasses import replace

from nasfleet.catalogue.search import SearchSpec
from nasfleet.catalogue.spaces import PluginSpace


def with_space(spec: SearchSpec, plugin: PluginSpace) -> SearchSpec:
    """Return a spec with this space."""
    return replace(spec, search_space=replace(spec.search_space, space=plugin))


def keeping_decisions(declared: SearchSpec, known: SearchSpec) -> SearchSpec:
    """Return a declaration that came without decisions with those that are known of the same object and parameters."""
    plugin, lowered = declared.search_space.unlowered, known.search_space.space
    if plugin is None or not isinstance(lowered, PluginSpace):
        return declared
    same = (plugin.object, plugin.parameters) == (lowered.object, lowered.parameters)
    return with_space(declared, lowered) if same else declared
