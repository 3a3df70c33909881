"""Decisions on the wire: nothing about them is lost, not even the type of an option."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.errors import InvalidInputError
from nasfleet.spaces.decision import Decision, Option
from nasfleet.spaces.wire import decisions_from_proto, decisions_to_proto, option_text, option_value
from nasfleet.v1 import trial_pb2
from nasfleet_testing.spaces import decision_lists


@given(decision_lists())
def test_decisions_survive_the_wire(decisions: tuple[Decision, ...]) -> None:
    sent = decisions_to_proto(decisions).SerializeToString()
    received = decisions_from_proto(trial_pb2.DecisionList.FromString(sent))
    assert received == decisions
    # 1, 1.0 and True are equal in Python, so that equality alone would not show a lost type.
    assert repr(received) == repr(decisions)


@pytest.mark.parametrize(
    ("option", "text"),
    [(64, "64"), (0.0006, "0.0006"), (1.0, "1.0"), (True, "true"), ("relu", "relu"), ("64", '"64"'), ("true", '"true"')],
)
def test_options_are_written_plainly(option: Option, text: str) -> None:
    assert option_text(option) == text


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(option_value(text), str | int | float | bool)


@pytest.mark.parametrize(
    "message",
    [
        trial_pb2.Decision(name="a", kind="a"),
        trial_pb2.Decision(name="a", kind="a", one_of=trial_pb2.Choice()),
        trial_pb2.Decision(name="a", kind="a", one_of=trial_pb2.Choice(options=["-Infinity"])),
        trial_pb2.Decision(name="a", kind="a", index=trial_pb2.Index(candidates=0)),
        trial_pb2.Decision(name="", kind="a", subset=trial_pb2.Subset(candidates=0)),
    ],
)
def test_messages_without_a_valid_decision_are_refused(message: trial_pb2.Decision) -> None:
    with pytest.raises(InvalidInputError):
        decisions_from_proto(trial_pb2.DecisionList(decisions=[message]))
