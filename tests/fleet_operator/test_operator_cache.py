"""Lists, watches and answers come in any order; what is true last is what stays."""

from collections.abc import Mapping
from typing import Any

import pytest

from nasfleet_operator.cache import Cache, Key
from nasfleet_operator.failure_kinds import FailureKind
from nasfleet_operator.kinds import DEPLOYMENTS, PODS, POOLS

KEY = Key(POOLS, "team", "gpus")


@pytest.fixture
def cache() -> Cache:
    return Cache(remember_seconds=600)


def pod(version: int, *, uid: str = "1", name: str = "one", status: Mapping[str, Any] | None = None) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "team",
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {"nasfleet.dev/pool": "gpus"},
        "creationTimestamp": "2026-01-31T12:00:00Z",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": status or {"phase": "Running"}}


def evicted(version: int) -> dict[str, Any]:
    return pod(version, status={"phase": "Failed", "reason": "Evicted"})


def test_a_pod_concerns_its_pool_and_only_if_it_is_news(cache: Cache) -> None:
    assert cache.take(PODS, pod(1)) == KEY
    assert cache.take(PODS, pod(2)) is None  # a heartbeat
    assert cache.take(PODS, pod(3, status={"phase": "Pending"})) == KEY


def test_what_no_plan_depends_on_is_no_news_of_a_pod(cache: Cache) -> None:
    def told(version: int, node: str) -> dict[str, Any]:
        return pod(version, status={"phase": "Running", "message": f"on {node}"}) | {"spec": {"nodeName": node}}

    cache.take(PODS, told(1, "one"))
    assert cache.take(PODS, told(2, "two")) is None


def test_older_tellings_change_nothing(cache: Cache) -> None:
    cache.take(PODS, pod(10, status={"phase": "Pending"}))
    assert cache.take(PODS, pod(9)) is None
    assert [one.phase for one in cache.pods(KEY)] == ["Pending"]


def test_a_pod_that_is_gone_is_not_brought_back_by_an_older_list(cache: Cache) -> None:
    cache.take(PODS, pod(10))
    assert cache.drop(PODS, pod(12), now=0.0) == KEY
    cache.take(PODS, pod(11))
    assert cache.pods(KEY) == ()


def test_an_object_that_only_lost_its_label_is_seen_again_when_it_has_it_again(cache: Cache) -> None:
    cache.take(PODS, pod(10))
    cache.drop(PODS, pod(12), now=0.0)  # so tells a watch with a selector
    assert cache.take(PODS, pod(12)) is None
    assert cache.take(PODS, pod(13)) == KEY
    assert [one.name for one in cache.pods(KEY)] == ["one"]


def test_an_object_that_a_list_does_not_have_is_seen_again_when_it_is_newer_than_the_list(cache: Cache) -> None:
    cache.take(PODS, pod(10))
    assert cache.drop_absent(PODS, [], version=20, now=0.0) == {KEY}
    assert cache.take(PODS, pod(15)) is None
    assert cache.take(PODS, pod(21)) == KEY


def test_what_went_long_ago_is_forgotten_with_whom_it_belonged_to(cache: Cache) -> None:
    cache.take(PODS, evicted(10))
    at = cache.pods(KEY)[0].created_at
    cache.drop(PODS, evicted(11), now=at)
    cache.drop_absent(PODS, [], version=20, now=at + 601)
    assert (cache._gone, cache._lost) == ({}, {})


def test_another_pod_of_the_same_name_is_another(cache: Cache) -> None:
    cache.take(PODS, pod(10, uid="1"))
    cache.take(PODS, pod(12, uid="2"))
    cache.drop(PODS, pod(11, uid="1"), now=0.0)
    assert [one.uid for one in cache.pods(KEY)] == ["2"]


def test_a_list_drops_what_it_does_not_have_unless_that_is_newer(cache: Cache) -> None:
    cache.take(PODS, pod(10, uid="1", name="one"))
    cache.take(PODS, pod(30, uid="2", name="two"))
    cache.drop_absent(PODS, [], version=20, now=0.0)
    assert [one.name for one in cache.pods(KEY)] == ["two"]


@pytest.mark.parametrize("missed", [True, False])
def test_lost_pods_are_remembered_for_as_long_as_is_told_also_if_the_watch_missed_their_end(missed: bool) -> None:  # noqa: FBT001
    cache = Cache(remember_seconds=600)
    cache.take(PODS, evicted(10))
    at = cache.pods(KEY)[0].created_at
    if missed:
        cache.drop_absent(PODS, [], version=20, now=at)
    else:
        cache.drop(PODS, evicted(11), now=at)
    assert [(loss.pod, loss.kind) for loss in cache.lost(KEY, at + 599)] == [("one", FailureKind.EVICTED)]
    assert cache.lost(KEY, at + 601) == ()


def test_an_object_is_no_news_when_only_its_bookkeeping_changed(cache: Cache) -> None:
    def deployment(version: int, replicas: int) -> dict[str, Any]:
        about = pod(version, name="gpus-trainers")["metadata"] | {"managedFields": [{"time": str(version)}]}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": {"replicas": replicas}}

    assert cache.take(DEPLOYMENTS, deployment(1, 3)) == KEY
    assert cache.take(DEPLOYMENTS, deployment(2, 3)) is None
    assert cache.take(DEPLOYMENTS, deployment(3, 4)) == KEY
    found = cache.made(DEPLOYMENTS, KEY, "gpus-trainers")
    assert found is not None
    assert found["spec"]["replicas"] == 4
