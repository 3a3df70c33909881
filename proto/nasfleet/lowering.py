"""A search space of a user's own in Python, lowered to its decisions. It runs that code, so the controller imports it never."""

import importlib
from dataclasses import replace
from itertools import islice
from typing import Any

from nasfleet.catalogue import PluginSpace
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.assignment_space import MAX_DECISIONS, AssignmentSpace
from nasfleet.spaces.decision import Choice, Decision, Index, Subset
from nasfleet.spaces.wire import decisions_from_proto, decisions_to_proto

MAX_BYTES = 2**20
"""Of the decisions as a message: they travel with every search that is asked for, where 4 MiB is the most that gRPC takes."""

_PLACE = "spec.searchSpace.plugin"


class UnableError(InvalidInputError):
    """The object cannot be imported or called here; elsewhere it might."""


class NoSpaceError(InvalidInputError):
    """What the object gives is no valid search space, wherever it is called."""


def lower(plugin: PluginSpace, program: str) -> PluginSpace:
    """Return a space of one's own with its decisions filled in; `program` is what runs here, as people start it.

    Raises:
        UnableError: if the object cannot be imported or called here; the message says what to do.
        NoSpaceError: if what it gives is no valid search space; the message says what to do.
    """
    made = _made(plugin, program)
    try:
        decisions = tuple(islice(made.decisions, MAX_DECISIONS + 1))
    except (Exception, SystemExit):  # noqa: BLE001 - whatever an object does that is none of ours, it gives no decisions
        decisions = ()
    if not decisions or not all(isinstance(decision, Choice | Subset | Index) for decision in decisions):
        raise NoSpaceError(
            f"{_PLACE}.object {plugin.object} gives {type(made).__name__!r} without decisions: "
            "return a nasfleet.spaces search space, whose `decisions` are Choice, Subset or Index"
        )
    try:
        return replace(plugin, decisions=_as_sent(decisions))
    except (InvalidInputError, TypeError, ValueError) as error:
        raise NoSpaceError(
            f"{_PLACE}.object {plugin.object} gives decisions that make no space: {error}; correct the object"
        ) from error


def _made(plugin: PluginSpace, program: str) -> Any:
    module_name, _, object_name = plugin.object.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), object_name)
    except (ImportError, AttributeError) as error:
        raise UnableError(
            f"{_PLACE}.object {plugin.object} cannot be imported: {error}; "
            f"run {program} in the folder that holds the module, or install it"
        ) from error
    except (Exception, SystemExit) as error:
        raise UnableError(
            f"{_PLACE}.object {plugin.object} cannot be imported: {type(error).__name__}: {error}; correct {module_name}"
        ) from error
    try:
        return factory(**plugin.parameters)
    except (Exception, SystemExit) as error:
        raise UnableError(
            f"{_PLACE}.object {plugin.object} fails with its parameters: {type(error).__name__}: {error}; correct "
            f"{_PLACE}.parameters or the object"
        ) from error


def _as_sent(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """Return the decisions of a space as whoever is sent them reads them.

    Raises:
        InvalidInputError, TypeError, ValueError: if they make no space or would not arrive as they are.
    """
    AssignmentSpace(decisions)
    message = decisions_to_proto(decisions)
    if (size := message.ByteSize()) > MAX_BYTES:
        raise InvalidInputError(f"as data they are {size:,} bytes, more than {MAX_BYTES:,}: give fewer or shorter ones")
    if (read := decisions_from_proto(message)) != decisions:
        raise InvalidInputError("some options are neither text nor numbers nor truth values")
    return read
