"""The costs of many pods go out together, and all of them before anything is scaled."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nasfleet.errors import UnavailableError
from nasfleet_operator.cache import Cache
from nasfleet_operator.cluster import KubernetesCluster, Raw
from nasfleet_operator.execution import COSTS_AT_ONCE, Executor
from nasfleet_operator.kubernetes_objects import DELETION_COST
from nasfleet_operator.plan import ApplyObject, Plan, SetDeletionCost
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace
from nasfleet_testing.stepped_operators import api_server, operator_config

PODS = COSTS_AT_ONCE + 8
LABELS = {"nasfleet.dev/pool": "gpus"}
CONTAINERS = {"containers": [{"name": "one", "image": "one"}]}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": CONTAINERS},
    },
}


class Watched(KubernetesCluster):
    """A real cluster that notes how many costs were on their way at once, and how many were written before an apply."""

    under_way = most = done = done_before_apply = 0
    fails_at: int | None = None

    async def set_deletion_cost(self, namespace: str, pod: str, cost: int) -> Raw | None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if cost == self.fails_at:
                raise UnavailableError("away")
            answer = await super().set_deletion_cost(namespace, pod, cost)
        finally:
            self.under_way -= 1
        self.done += 1
        return answer

    async def apply(self, manifest: Raw) -> Raw:
        self.done_before_apply = self.done
        return await super().apply(manifest)


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str) -> Namespace:
    return Namespace(control_plane, namespace)


def plan(space: Namespace) -> Plan:
    applied: dict[str, Any] = {**DEPLOYMENT, "metadata": {"name": "gpus", "namespace": space.name, "labels": LABELS}}
    costs = (SetDeletionCost(space.name, f"pod-{number}", number) for number in range(PODS))
    return Plan((*costs, ApplyObject(applied)))


async def test_costs_go_out_together_and_all_are_written_before_the_deployment(
    space: Namespace, operator_account: Path
) -> None:
    about = {"apiVersion": "v1", "kind": "Pod", "spec": CONTAINERS}
    space.apply(*(about | {"metadata": {"name": f"pod-{number}", "labels": LABELS}} for number in range(PODS)))
    async with api_server(operator_config(operator_account)) as server:
        cluster = Watched(server, (space.name,))
        await Executor(cluster, None, Cache(600.0)).carry_out(plan(space))  # type: ignore[arg-type]  # nothing asks it
    assert cluster.most == COSTS_AT_ONCE
    assert cluster.done == cluster.done_before_apply == PODS
    costs = {pod["metadata"]["name"]: pod["metadata"]["annotations"][DELETION_COST] for pod in space.get("pods")}
    assert costs == {f"pod-{number}": str(number) for number in range(PODS)}


async def test_a_cost_that_fails_leaves_the_rest_to_the_next_plan(space: Namespace, operator_account: Path) -> None:
    async with api_server(operator_config(operator_account)) as server:
        cluster = Watched(server, (space.name,))
        cluster.fails_at = 5
        with pytest.raises(UnavailableError, match="away"):
            await Executor(cluster, None, Cache(600.0)).carry_out(plan(space))  # type: ignore[arg-type]  # nothing asks it
    assert space.get("deployment") == []
    assert cluster.under_way == 0, "what was under way has ended"
    assert len(asyncio.all_tasks()) == 1
