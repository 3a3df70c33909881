"""Decisions on the wire: the only form in which a controller sees a user's own Python space."""

import json
from typing import assert_never

from nasfleet.errors import InvalidInputError
from nasfleet.spaces.decision import Choice, Decision, Index, Option, Subset
from nasfleet.v1 import trial_pb2


def decisions_to_proto(decisions: tuple[Decision, ...]) -> trial_pb2.DecisionList:
    """Return the message for these decisions."""
    return trial_pb2.DecisionList(decisions=map(_to_proto, decisions))


def decisions_from_proto(message: trial_pb2.DecisionList) -> tuple[Decision, ...]:
    """Return the decisions of a message, or raise InvalidInputError if one is not valid."""
    return tuple(map(_from_proto, message.decisions))


def option_text(option: Option) -> str:
    """Return an option as text that `option_value` reads back: text as it is, in quotes where it would be read otherwise."""
    if not isinstance(option, str):
        return json.dumps(option)
    return option if option_value(option) == option else json.dumps(option)


def option_value(text: str) -> Option:
    """Return the number, truth value or text that stands there."""
    # Only these begin a scalar of JSON; lists and objects are text, however deeply nested.
    if text[:1] not in {'"', "-", "t", "f", *"0123456789"}:
        return text
    try:
        value: Option = json.loads(text)
    except ValueError:
        return text
    return value


def _to_proto(decision: Decision) -> trial_pb2.Decision:
    message = trial_pb2.Decision(name=decision.name, kind=decision.kind)
    match decision:
        case Choice():
            message.one_of.options.extend(map(option_text, decision.options))
        case Subset():
            message.subset.candidates = decision.candidates
        case Index():
            message.index.candidates = decision.candidates
        case _:
            assert_never(decision)
    return message


def _from_proto(message: trial_pb2.Decision) -> Decision:
    match message.WhichOneof("choice"):
        case "one_of":
            return Choice(message.name, message.kind, tuple(map(option_value, message.one_of.options)))
        case "subset":
            return Subset(message.name, message.kind, message.subset.candidates)
        case "index":
            return Index(message.name, message.kind, message.index.candidates)
        case _:
            raise InvalidInputError(f"decision {message.name!r} does not say what is chosen: give one_of, subset or index")
