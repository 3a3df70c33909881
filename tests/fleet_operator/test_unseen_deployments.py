"""A pool has not arrived while Kubernetes has not seen its Deployment: the counts are still those of what was wanted before."""

from copy import deepcopy
from dataclasses import replace

import pytest

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_testing.observed_resources import SETTINGS, settled_pool
from nasfleet_testing.planned_worlds import NOW, carry_out_on_pool


@pytest.mark.parametrize(("behind", "reason"), [(0, "AsDesired"), (1, "RollingOut")], ids=["seen", "not seen"])
def test_a_pool_whose_counts_are_right_is_rolling_out_until_its_deployment_was_seen(behind: int, reason: str) -> None:
    observed = settled_pool(TrainerPoolSpec(replicas=4), 4)
    found = deepcopy(dict(observed.deployment or {}))
    found["metadata"]["generation"] = found["status"]["observedGeneration"] + behind
    observed = replace(observed, deployment=found)
    after = carry_out_on_pool(plan_pool(observed, SETTINGS, NOW).effects, observed)
    assert [entry.reason for entry in after.pool.conditions if entry.type == "Progressing"] == [reason]
