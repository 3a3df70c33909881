"""A search space of one's own in Python, lowered to its decisions before it is sent: the controller only ever sees data."""

import importlib
from dataclasses import replace
from typing import Any

from nasfleet.catalogue import PluginSpace, SearchSpec
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.decision import Choice, Index, Subset

_PLACE = "spec.searchSpace.plugin"


def with_decisions(spec: SearchSpec) -> SearchSpec:
    """Return the spec with the decisions of its own Python space filled in; any other spec as it is.

    Raises:
        InvalidInputError: if the object cannot be imported or called, or gives no decisions; the message says what to do.
    """
    plugin = spec.search_space.space
    if not isinstance(plugin, PluginSpace):
        return spec
    made = _made(plugin)
    decisions = tuple(getattr(made, "decisions", ()))
    if not decisions or not all(isinstance(decision, Choice | Subset | Index) for decision in decisions):
        raise InvalidInputError(
            f"{_PLACE}.object {plugin.object} gives {type(made).__name__!r} without decisions: "
            "return a nasfleet.spaces search space, whose `decisions` are Choice, Subset or Index"
        )
    space = replace(plugin, decisions=decisions)
    return replace(spec, search_space=replace(spec.search_space, space=space))


def _made(plugin: PluginSpace) -> Any:
    module_name, _, object_name = plugin.object.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), object_name)
    except (ImportError, AttributeError) as error:
        raise InvalidInputError(
            f"{_PLACE}.object {plugin.object} cannot be imported: {error}; "
            "run nasfleet in the folder that holds the module, or install it"
        ) from error
    try:
        return factory(**plugin.parameters)
    except Exception as error:
        raise InvalidInputError(
            f"{_PLACE}.object {plugin.object} fails with its parameters: {type(error).__name__}: {error}; correct "
            f"{_PLACE}.parameters or the object"
        ) from error
