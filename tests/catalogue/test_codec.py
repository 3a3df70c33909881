"""What travels arrives as it left, and what is absent has the catalogue's default."""

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet.catalogue import (
    ChoiceDecision,
    Choices,
    InvalidParametersError,
    MlpChoices,
    NegativeError,
    PluginTask,
    PoolSelector,
    Reinforce,
    SearchSpaceSection,
    SearchSpec,
    Synthetic,
    Weights,
)
from nasfleet.codec import (
    failure_from_proto,
    failure_to_proto,
    measurement_from_proto,
    measurement_to_proto,
    spec_from_proto,
    spec_to_proto,
)
from nasfleet.errors import InvalidInputError
from nasfleet.measurement import LARGEST_COUNT, LARGEST_VALUE, EpochMeasurement, Failure, FailureKind, Measurement
from nasfleet.v1 import catalogue_pb2, trial_pb2
from nasfleet_testing.specs import smallest_spec, specs

_figures = st.floats(allow_nan=False, allow_infinity=False)
_values = st.floats(-LARGEST_VALUE, LARGEST_VALUE)
_seconds = st.floats(0, allow_infinity=False)
_epochs = st.lists(st.builds(EpochMeasurement, st.just(1), _values, _seconds, st.none() | _figures), max_size=4).map(
    lambda epochs: tuple(EpochMeasurement(n, epoch.value, epoch.seconds, epoch.loss) for n, epoch in enumerate(epochs, 1))
)
_counts = st.none() | st.integers(0, LARGEST_COUNT)


@settings(max_examples=40, deadline=None)
@given(specs)
def test_a_spec_comes_back_as_it_left(spec: SearchSpec) -> None:
    assert spec_from_proto(spec_to_proto(spec)) == spec


def test_a_search_that_selects_by_labels_that_kubernetes_has_not_comes_back_from_a_store() -> None:
    # Trainers of one machine may have any, and a controller must start with what an earlier edition let in.
    spec = smallest_spec(trainer_pool_selector=PoolSelector(match_labels={"gpu model": "NVIDIA H200"}))

    assert spec_from_proto(spec_to_proto(spec)) == spec


@settings(max_examples=40, deadline=None)
@given(specs)
def test_a_spec_comes_back_from_the_json_form_of_its_message(spec: SearchSpec) -> None:
    text = json_format.MessageToJson(spec_to_proto(spec))

    assert spec_from_proto(json_format.Parse(text, catalogue_pb2.SearchSpec())) == spec


@given(st.builds(Measurement, _values, _epochs, _seconds, _seconds, _counts, _counts, st.none() | st.text()))
def test_a_measurement_comes_back_as_it_left(measurement: Measurement) -> None:
    assert measurement_from_proto(measurement_to_proto(measurement)) == measurement


@given(st.builds(Failure, st.sampled_from(FailureKind), st.text(), st.text()))
def test_a_failure_comes_back_as_it_left(failure: Failure) -> None:
    assert failure_from_proto(failure_to_proto(failure)) == failure


def test_a_choice_without_parameters_arrives() -> None:
    spec = smallest_spec(reward=NegativeError())

    assert spec_from_proto(spec_to_proto(spec)) == spec


def test_options_keep_their_types() -> None:
    options = ("1", 1, 2.0, "true", False, "")
    space = SearchSpaceSection(space=Choices(decisions=(ChoiceDecision(name="x", options=options),)))

    read = spec_from_proto(spec_to_proto(smallest_spec(search_space=space)))

    assert isinstance(read.search_space.space, Choices)
    assert list(map(repr, read.search_space.space.decisions[0].options)) == list(map(repr, options))


def test_whole_numbers_of_plug_in_parameters_arrive_as_whole_numbers() -> None:
    task = PluginTask(object="a:b", parameters={"layers": 3, "rates": [0.5, 2]})

    read = spec_from_proto(spec_to_proto(smallest_spec(task=task)))

    assert isinstance(read.task, PluginTask)
    assert repr(read.task.parameters["layers"]) == "3"
    assert repr(read.task.parameters["rates"]) == "[0.5, 2]"


def test_what_a_message_leaves_out_has_its_default() -> None:
    message = catalogue_pb2.SearchSpec(budget=catalogue_pb2.Budget(trials=7))
    message.search_space.conv_chain.SetInParent()
    message.strategy.reinforce.learning_rate = 0.01
    message.task.synthetic.SetInParent()
    message.weights = catalogue_pb2.WEIGHTS_UNSPECIFIED

    spec = spec_from_proto(message)

    assert spec.strategy == Reinforce(learning_rate=0.01)
    assert spec.task == Synthetic()
    assert spec.weights is Weights.BEST


def test_everything_that_a_message_lacks_is_named_at_once() -> None:
    message = catalogue_pb2.SearchSpec()
    message.search_space.growth.SetInParent()
    message.strategy.random.batch_size = 0

    with pytest.raises(InvalidParametersError) as raised:
        spec_from_proto(message)

    assert str(raised.value).splitlines() == [
        "spec.searchSpace is missing: give one of convChain, choices, plugin, recurrentCell, mlp",
        "spec.strategy.random.batchSize is 0: give a whole number from 1 to 65,536, in trials",
        "spec.task is missing: give one of imageClassification, tabular, synthetic, plugin, languageModeling, lunarLander",
        "spec.budget is missing: give a map of fields",
    ]


def test_a_value_of_an_enumeration_that_is_not_known_is_refused() -> None:
    message = spec_to_proto(smallest_spec())
    message.weights = 77  # type: ignore[assignment]  # what a newer client might send

    with pytest.raises(InvalidParametersError, match=r"spec\.weights has the number 77: give one of None, Best, All"):
        spec_from_proto(message)


def test_a_failure_of_no_kind_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"a failure has the kind 0: give one of NOT_FINITE \(1\)"):
        failure_from_proto(trial_pb2.Failure(message="?"))


def test_a_value_of_a_list_of_enumerations_that_is_not_known_is_refused() -> None:
    message = spec_to_proto(smallest_spec(search_space=SearchSpaceSection(space=MlpChoices())))
    message.search_space.mlp.activations.append(77)  # type: ignore[arg-type]  # what a newer client might send

    with pytest.raises(InvalidParametersError, match=r"spec\.searchSpace\.mlp\.activations has the number 77: give a list of"):
        spec_from_proto(message)
