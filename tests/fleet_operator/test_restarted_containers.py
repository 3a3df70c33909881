"""A pod whose container was started again has two trainers of its name for a while: the older process may hold the leases."""

from dataclasses import replace

import pytest

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.plan import DeclarePool
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_operator.views import TrainerState, TrainerView
from nasfleet_testing.observed_resources import SETTINGS, busy, idle, settled_pool
from nasfleet_testing.planned_worlds import NOW

OLDER = busy(0, TrainerState.DRAINING)


@pytest.mark.parametrize("processes", [(OLDER, idle(0)), (idle(0), OLDER)], ids=["older first", "newer first"])
def test_the_pod_counts_as_at_work_while_one_of_its_processes_holds_leases(processes: tuple[TrainerView, ...]) -> None:
    observed = settled_pool(TrainerPoolSpec(replicas=2), 2)
    assert observed.fleet is not None
    shrinking = replace(
        observed,
        pool=replace(observed.pool, declared=TrainerPoolSpec(replicas=1), generation=2),
        fleet=replace(observed.fleet, trainers=(*processes, idle(1))),
    )
    [declared] = [effect for effect in plan_pool(shrinking, SETTINGS, NOW).effects if isinstance(effect, DeclarePool)]
    assert declared.cordoned == {"gpu-trainers-5d8f-1"}
