from typing import Any

import pytest

from nasfleet_operator.conditions import condition_data
from nasfleet_operator.kubernetes_objects import read_condition, read_pod, read_pool, read_search, read_time, write_time
from nasfleet_operator.observed import Container, PodCondition, Termination, Truth, Unreadable

METADATA = {
    "name": "gpu",
    "namespace": "research",
    "uid": "pool-1",
    "generation": 3,
    "labels": {"gpu": "h200"},
    "creationTimestamp": "2027-01-15T08:00:00Z",
    "resourceVersion": "7",
    "managedFields": [],
}
POOL: dict[str, Any] = {"apiVersion": "nasfleet.dev/v1alpha1", "kind": "TrainerPool", "metadata": METADATA}
SEARCH: dict[str, Any] = {
    "apiVersion": "nasfleet.dev/v1alpha1",
    "kind": "ArchitectureSearch",
    "metadata": {**METADATA, "finalizers": ["other.dev/x", "nasfleet.dev/search"]},
    "spec": {
        "searchSpace": {"choices": {"decisions": [{"name": "width", "options": [1, 2]}]}},
        "strategy": {"random": {}},
        "task": {"synthetic": {}},
        "budget": {"trials": 5},
    },
}


def test_a_pool_is_read_with_its_status() -> None:
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "TrainersReady",
        "message": "",
        "observedGeneration": 3,
        "lastTransitionTime": "2027-01-15T08:00:00Z",
    }
    pool = read_pool({**POOL, "spec": {"replicas": 4}, "status": {"replicas": 4, "conditions": [condition]}})
    assert not isinstance(pool.declared, Unreadable)
    assert (pool.declared.replicas, pool.generation, pool.labels) == (4, 3, {"gpu": "h200"})
    assert (pool.identity.namespace, pool.identity.name, pool.identity.uid) == ("research", "gpu", "pool-1")
    [ready] = pool.conditions
    assert (ready.type, ready.status, ready.changed_at) == ("Ready", Truth.TRUE, read_time("2027-01-15T08:00:00Z"))


def test_a_condition_without_a_time_of_its_update_was_updated_when_its_status_changed() -> None:
    since = "2027-01-15T08:00:00Z"
    raw = {"type": "Ready", "status": "True", "reason": "TrainersReady", "message": "", "lastTransitionTime": since}
    assert read_condition(raw).updated_at == read_time(since)
    later = {**raw, "lastUpdateTime": "2027-01-15T09:00:00Z"}
    assert condition_data(read_condition(later)) == {**later, "observedGeneration": 0}


def test_what_is_wrong_with_a_spec_is_part_of_the_value() -> None:
    pool = read_pool({**POOL, "spec": {"gpus": -1}})
    assert isinstance(pool.declared, Unreadable)
    assert "spec.gpus" in pool.declared.message
    search = read_search({**SEARCH, "spec": {**SEARCH["spec"], "budget": {}}})
    assert isinstance(search.declared, Unreadable)
    assert "spec.budget.trials" in search.declared.message


def test_a_search_is_read_with_its_finalizer_and_its_end() -> None:
    ending = {**SEARCH, "metadata": {**SEARCH["metadata"], "deletionTimestamp": "2027-01-15T08:00:00Z"}}
    search = read_search(ending)
    assert (search.finalized, search.deleted_at) == (True, read_time("2027-01-15T08:00:00Z"))
    assert not read_search({**SEARCH, "metadata": METADATA}).finalized
    assert not isinstance(search.declared, Unreadable)
    assert search.declared.budget.trials == 5


def test_a_pod_is_read_with_all_that_tells_how_it_is() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gpu-trainers-5d8f", "uid": "rs", "controller": True}
    raw = {
        "metadata": {
            "name": "gpu-trainers-5d8f-x",
            "uid": "pod-1",
            "creationTimestamp": "2027-01-15T08:00:00Z",
            "deletionTimestamp": "2027-01-15T09:01:10Z",
            "deletionGracePeriodSeconds": 70,
            "annotations": {"controller.kubernetes.io/pod-deletion-cost": "-3"},
            "ownerReferences": [owner],
        },
        "spec": {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": type_, "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}
                for type_ in ("PodScheduled", "Ready", "Initialized")
            ],
            "containerStatuses": [
                {
                    "name": "trainer",
                    "restartCount": 2,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2027-01-15T08:30:00Z"}},
                }
            ],
        },
    }
    pod = read_pod(raw)
    assert (pod.name, pod.replica_set, pod.ready, pod.gated) == (
        "gpu-trainers-5d8f-x",
        "gpu-trainers-5d8f",
        True,
        True,
    )
    assert pod.deleted_at == read_time("2027-01-15T09:00:00Z")
    assert (pod.deletion_cost, pod.lives) == (-3, False)
    assert pod.conditions == {"PodScheduled": PodCondition(status=Truth.TRUE, changed_at=read_time("2027-01-15T08:00:00Z"))}
    end = Termination(reason="OOMKilled", exit_code=137, ended_at=read_time("2027-01-15T08:30:00Z"))
    assert pod.containers == (
        Container(name="trainer", waiting_reason="CrashLoopBackOff", waiting_message="back-off", ended_before=end, restarts=2),
    )


def test_a_pod_that_has_only_just_been_made_is_read_too() -> None:
    pod = read_pod({"metadata": {"name": "x", "uid": "u", "creationTimestamp": "2027-01-15T08:00:00Z"}})
    assert (pod.phase, pod.ready, pod.deletion_cost, pod.replica_set, pod.lives) == ("Pending", False, 0, "", True)


@pytest.mark.parametrize(("text", "cost"), [("7", 7), ("-7", -7), ("+7", 0), ("x", 0), ("", 0)])
def test_a_cost_that_is_no_number_is_zero_as_for_kubernetes(text: str, cost: int) -> None:
    about = {"name": "x", "uid": "u", "creationTimestamp": "2027-01-15T08:00:00Z"}
    annotations = {"controller.kubernetes.io/pod-deletion-cost": text}
    assert read_pod({"metadata": {**about, "annotations": annotations}}).deletion_cost == cost


def test_a_condition_whose_status_is_none_of_the_three_says_nothing() -> None:
    about = {"name": "x", "uid": "u", "creationTimestamp": "2027-01-15T08:00:00Z"}
    conditions = [{"type": type_, "status": "Perhaps"} for type_ in ("Ready", "PodScheduled")]
    pod = read_pod({"metadata": about, "status": {"conditions": conditions}})
    assert (pod.conditions["PodScheduled"].status, pod.ready) == (Truth.UNKNOWN, False)


def test_times_come_back_as_they_were_written() -> None:
    assert read_time(write_time(1_800_000_000.7)) == 1_800_000_000.0
