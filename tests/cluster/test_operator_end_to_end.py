"""A search on a cluster from beginning to end, with real trainers in the pods, while everything around it comes and goes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from nasfleet.client import Client
from nasfleet.errors import UnavailableError
from nasfleet.measurement import FailureKind
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, RunningOperator, operator, pool, search
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller, free_address, rows
from nasfleet_testing.stand_in_kubelet import stand_in_kubelet

TRIALS = 240
KIND = "architecturesearch"
NOBODYS_FAULT = (FailureKind.LEASE_EXPIRED, FailureKind.RETURNED)
StartOperator = Callable[[], AbstractContextManager[RunningOperator]]


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str) -> Iterator[Namespace]:
    space = Namespace(control_plane, namespace)
    space.kubectl("create", "serviceaccount", "nasfleet-trainer")
    with stand_in_kubelet(control_plane, "worker", gpus=8):
        yield space


@pytest.fixture
def address() -> str:
    return free_address()


@pytest.fixture
def start_operator(
    control_plane: ControlPlane, operator_account: Path, space: Namespace, address: str, tmp_path: Path
) -> StartOperator:
    flags = ("--namespaces", space.name)
    return partial(operator, control_plane, operator_account, address, tmp_path / "operator.log", *flags)


def settled(client: Client, name: str) -> int:
    try:
        counts = client.get_search(name).counts
    except UnavailableError:
        return -1
    return counts.succeeded + counts.failed + counts.lost


def proceeds(client: Client, name: str) -> None:
    """Wait until some more trials are done."""
    before = settled(client, name)
    eventually(lambda: settled(client, name) >= before + 5, "a search that goes on")


@pytest.mark.timeout(600)
def test_every_trial_counts_once_through_scaling_and_absences_of_operator_and_controller(
    space: Namespace, start_operator: StartOperator, address: str, tmp_path: Path
) -> None:
    state, name = tmp_path / "controller", f"namespaces/{space.name}/searches/digits"
    task = {"synthetic": {"epochs": 3, "epochSeconds": 0.3}}
    with Client(address) as client:
        with controller(state, address) as served:
            with start_operator() as running:
                space.apply(pool("gpus", {"gpu": "h200"}, replicas=1, gracePeriodSeconds=2))
                space.apply(
                    search(
                        "digits",
                        task=task,
                        budget={"trials": TRIALS},
                        parallelism=8,
                        trainerPoolSelector={"matchLabels": {"gpu": "h200"}},
                    )
                )
                space.eventually_condition(KIND, "digits", "Ready", "True", "Running")
                space.kubectl("scale", "trainerpool/gpus", "--replicas=4")
                space.eventually_status("trainerpool", "gpus", readyReplicas=4, busyTrainers=4)
                proceeds(client, name)
                space.kubectl("scale", "trainerpool/gpus", "--replicas=2")  # all are busy: two must hand back or finish
                space.eventually_status("trainerpool", "gpus", replicas=2, readyReplicas=2)
                proceeds(client, name)
                running.process.kill()
            space.kubectl("scale", "trainerpool/gpus", "--replicas=3")
            proceeds(client, name)
            with start_operator():
                space.eventually_status("trainerpool", "gpus", replicas=3, readyReplicas=3)
            served.process.kill()
        with start_operator():
            space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "ControllerUnavailable")
            with controller(state, address):
                space.eventually_condition("trainerpool", "gpus", "Degraded", "False")
                proceeds(client, name)
                space.kubectl("scale", "trainerpool/gpus", "--replicas=6")
                eventually(lambda: settled(client, name) == TRIALS, "the end of the search", within=240)
                check_counted_once(state)
                check_told(space, client, name)
                space.kubectl("delete", KIND, "digits", "--timeout=30s")
                assert not list(client.list_searches("namespaces/-"))
                space.kubectl("delete", "trainerpool", "gpus", "--timeout=30s")
                eventually(lambda: space.get("pods") == [], "no pods")


def check_counted_once(state: Path) -> None:
    (count, numbers, rewards, orders) = rows(
        state, "SELECT count(*), count(DISTINCT number), count(reward), count(DISTINCT settle_order) FROM trials WHERE ended_at"
    )[0]
    assert (count, numbers, rewards, orders) == (TRIALS, TRIALS, TRIALS, TRIALS)
    charged = "outcome_id IS NOT NULL AND failure_kind IS NULL"
    assert rows(state, f"SELECT count(*), count(DISTINCT number) FROM attempts WHERE {charged}") == [(TRIALS, TRIALS)]
    failures = {kind for (kind,) in rows(state, "SELECT DISTINCT failure_kind FROM attempts WHERE failure_kind IS NOT NULL")}
    assert failures <= {kind.value for kind in NOBODYS_FAULT}


def check_told(space: Namespace, client: Client, name: str) -> None:
    space.eventually_condition(KIND, "digits", "Complete", "True", "Completed")
    status = space.get(KIND, "digits")["status"]
    best = client.list_best_trials(name, 1)[0]
    shown = float(f"{best.reward:.6g}")
    assert (status["progress"], status["bestTrial"], status["bestReward"]) == (f"{TRIALS}/{TRIALS}", best.number, shown)
    told = {field: status["trials"][field] for field in ("queued", "running", "succeeded", "failed", "lost")}
    assert told == {"queued": 0, "running": 0, "succeeded": TRIALS, "failed": 0, "lost": 0}
