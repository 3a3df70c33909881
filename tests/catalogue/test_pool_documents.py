"""A stored resource says a pool or a search; what the API server adds to it is not looked at."""

from typing import Any

import pytest
from hypothesis import given, settings

from nasfleet.catalogue import (
    Autoscaling,
    InvalidParametersError,
    SearchDocument,
    TaintEffect,
    Toleration,
    TolerationOperator,
    TrainerPoolDocument,
    TrainerPoolSpec,
)
from nasfleet.catalogue.writing import plain_data
from nasfleet.document import as_data, load, pool_from_data, search_from_data
from nasfleet_testing.documents import PAPER
from nasfleet_testing.specs import blocks, documents

_ADDED = {
    "uid": "c0ffee",
    "resourceVersion": "7",
    "generation": 3,
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    "finalizers": ["nasfleet.dev/search"],
    "managedFields": [],
}


def _stored(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    named = {"name": "gpu", "namespace": "team", **metadata}
    return {"metadata": named | _ADDED, "spec": spec, "status": {"replicas": 3, "conditions": [{"type": "Ready"}]}}


def test_the_smallest_pool_is_one_trainer_with_one_gpu() -> None:
    assert pool_from_data(_stored({})) == TrainerPoolDocument(name="gpu", namespace="team", spec=TrainerPoolSpec())
    assert (TrainerPoolSpec().replicas, TrainerPoolSpec().gpus) == (1, 1)


def test_a_pool_is_read_with_its_labels() -> None:
    spec = {
        "tolerations": [{"key": "example.com/spot", "operator": "Exists", "effect": "NoExecute"}],
        "autoscaling": {"maxReplicas": 8},
        "template": {"spec": {"schedulerName": "other"}},
    }

    assert pool_from_data(_stored(spec, labels={"gpu": "h200"})) == TrainerPoolDocument(
        name="gpu",
        namespace="team",
        labels={"gpu": "h200"},
        spec=TrainerPoolSpec(
            tolerations=(
                Toleration(key="example.com/spot", operator=TolerationOperator.EXISTS, effect=TaintEffect.NO_EXECUTE),
            ),
            autoscaling=Autoscaling(max_replicas=8),
            template={"spec": {"schedulerName": "other"}},
        ),
    )


@settings(max_examples=50, deadline=None)
@given(blocks(TrainerPoolSpec))
def test_a_pool_is_read_back_as_it_was_written(spec: TrainerPoolSpec) -> None:
    assert pool_from_data(_stored(plain_data(spec))).spec == spec


@settings(max_examples=20, deadline=None)
@given(documents)
def test_a_stored_search_is_the_one_that_was_declared(document: SearchDocument) -> None:
    data = as_data(document)
    stored = {**data, "metadata": data["metadata"] | _ADDED | {"labels": {"team": "a"}}, "status": {"progress": "1/2"}}

    assert search_from_data(stored).spec == search_from_data(data).spec


def test_a_stored_search_is_read_as_a_file_is() -> None:
    declared = load(PAPER)

    assert search_from_data(as_data(declared)) == declared


def test_all_that_is_wrong_with_a_pool_is_said_together() -> None:
    with pytest.raises(InvalidParametersError) as raised:
        pool_from_data(_stored({"replica": 4, "gpus": -1, "memory": 16}, name="g" * 49))

    assert str(raised.value) == (
        f'metadata.name is "{"g" * 49}": give text of 1 to 48 characters, lower-case letters, digits and hyphens, '
        "with a letter or digit at both ends\n"
        "spec.replica is not known (its value: 4): did you mean replicas?\n"
        "spec.gpus is -1: give a whole number from 0 to 64, in GPUs\n"
        "spec.memory is 16: give text of 1 to 32 characters, a quantity like 16Gi, more than 0, in quotes"
    )


def test_a_search_without_a_spec_says_what_is_missing() -> None:
    with pytest.raises(InvalidParametersError, match=r"spec\.searchSpace is missing"):
        search_from_data({"metadata": {"name": "a"}})


@pytest.mark.parametrize(
    ("toleration", "message"),
    [
        ({}, "key is missing, but operator is Equal"),
        ({"operator": TolerationOperator.EXISTS, "value": "a"}, 'value is "a", but operator is Exists'),
        ({"key": "a", "toleration_seconds": 5}, "tolerationSeconds is 5, but effect is not NoExecute"),
    ],
)
def test_a_toleration_that_kubernetes_would_refuse_cannot_be_made(toleration: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParametersError, match=message):
        Toleration(**toleration)


def test_an_autoscaler_needs_room() -> None:
    with pytest.raises(InvalidParametersError, match="minReplicas is 5, more than maxReplicas, which is 4"):
        Autoscaling(min_replicas=5, max_replicas=4)


def test_labels_that_kubernetes_cannot_have_are_refused_each_by_its_field() -> None:
    with pytest.raises(InvalidParametersError) as raised:
        pool_from_data(_stored({"nodeSelector": {"gpu model": "h 200", "gpu": "h200"}}, labels={"-gpu": "h200-"}))

    key = "give each key as a name like example.com/name, of at most 63 characters behind a domain of at most 253"
    characters = "letters, digits, hyphens, underscores and points, with a letter or digit at both ends"
    value = f"give text of at most 63 characters, {characters}"
    assert str(raised.value).splitlines() == [
        f'metadata.labels has the key "-gpu": {key}',
        f'metadata.labels.-gpu is "h200-": {value}',
        f'spec.nodeSelector has the key "gpu model": {key}',
        f'spec.nodeSelector.gpu model is "h 200": {value}',
    ]


@pytest.mark.parametrize(
    "label",
    [("gpu", ""), ("GPU", "H200"), ("example.com/a_b.c-d", "a_b.c-d"), ("d" * 253 + "/" + "n" * 63, "v" * 63), ("0", "0")],
)
def test_labels_that_kubernetes_can_have_are_taken(label: tuple[str, str]) -> None:
    pool = pool_from_data(_stored({"nodeSelector": dict([label])}, labels=dict([label])))
    assert pool.labels == pool.spec.node_selector == dict([label])


@pytest.mark.parametrize("quantity", ["2", "0.5", "500m", "007", "0.064k", "1000000.000001"])
def test_any_share_of_processors_can_be_asked_for(quantity: str) -> None:
    assert pool_from_data(_stored({"cpu": quantity})).spec.cpu == quantity


@pytest.mark.parametrize("quantity", ["1", "0.5Gi", "16Gi", "17179869184", "64G", "1.5Ti"])
def test_any_amount_of_memory_can_be_asked_for(quantity: str) -> None:
    assert pool_from_data(_stored({"memory": quantity})).spec.memory == quantity
