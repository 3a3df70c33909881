"""Searches on a real control plane and a real controller, under the operator's own role."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nasfleet.client import Client
from nasfleet.errors import ConflictError
from nasfleet.v1.search_pb2 import SEARCH_STATE_SUSPENDED
from nasfleet_operator.controller import GrpcController
from nasfleet_operator.kinds import SEARCHES
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, operator, search
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import RunningController, controller, free_address, trainer
from nasfleet_testing.stepped_operators import Stage, api_server, operator_config, search_key

KIND = "architecturesearch"
SPACE = """
from nasfleet.spaces.assignment_space import AssignmentSpace
from nasfleet.spaces.decision import Choice


def depths(deepest):
    return AssignmentSpace((Choice("depth", "depth", tuple(range(1, deepest + 1))),))
"""
PATIENCE = ("--forget-after-seconds", "3")


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str) -> Namespace:
    return Namespace(control_plane, namespace)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[RunningController]:
    with controller(tmp_path / "controller") as one:
        yield one


@pytest.fixture
def client(served: RunningController) -> Iterator[Client]:
    with Client(served.address) as one:
        yield one


@pytest.fixture
def running(
    control_plane: ControlPlane, operator_account: Path, served: RunningController, space: Namespace, tmp_path: Path
) -> Iterator[None]:
    flags = ("--namespaces", space.name, *PATIENCE)
    with operator(control_plane, operator_account, served.address, tmp_path / "operator.log", *flags):
        yield


def ids(client: Client) -> set[str]:
    return {one.name for one in client.list_searches("namespaces/-")}


@pytest.mark.usefixtures("running")
def test_a_search_runs_to_its_end_and_its_status_tells_how_it_went(
    space: Namespace, served: RunningController, client: Client, tmp_path: Path
) -> None:
    space.apply(search("digits", budget={"trials": 30}))
    space.eventually_condition(KIND, "digits", "Ready", "False", "WaitingForTrainers")
    uid = space.get(KIND, "digits")["metadata"]["uid"]
    assert client.get_search(f"namespaces/{space.name}/searches/digits").uid == uid
    with trainer(served.address, tmp_path / "trainer.log"):
        space.eventually_condition(KIND, "digits", "Complete", "True")
    status = space.get(KIND, "digits")["status"]
    best = client.list_best_trials(f"namespaces/{space.name}/searches/digits", 1)[0]
    assert status["progress"] == "30/30"
    assert status["trials"]["succeeded"] == 30
    assert (status["bestTrial"], status["bestReward"], status["bestArchitecture"]) == (
        best.number,
        float(f"{best.reward:.6g}"),
        best.canonical_hash,
    )
    assert status["startTime"] <= status["completionTime"]
    events = {event["reason"]: event for event in space.get("events") if event["involvedObject"]["name"] == "digits"}
    assert events["Completed"]["message"] == "all 30 trials are settled"
    assert all(event["message"] for event in events.values())
    described = space.kubectl("describe", KIND, "digits")
    assert re.search(r"Normal +Completed +\S+ +nasfleet\S* +all 30 trials are settled", described), described


@pytest.mark.usefixtures("running")
def test_a_search_is_suspended_resumed_changed_and_deleted(space: Namespace, client: Client) -> None:
    name = f"namespaces/{space.name}/searches/digits"
    space.apply(search("digits", suspend=True))
    space.eventually_condition(KIND, "digits", "Suspended", "True")
    assert client.get_search(name).state == SEARCH_STATE_SUSPENDED
    space.apply(search("digits", suspend=False, parallelism=7))
    space.eventually_condition(KIND, "digits", "Suspended", "False")
    eventually(lambda: client.get_search(name).spec.parallelism == 7, "the new parallelism")
    metadata = space.get(KIND, "digits")["metadata"]
    assert metadata["finalizers"] == ["nasfleet.dev/search"]
    assert metadata["annotations"].keys() == {"kubectl.kubernetes.io/last-applied-configuration"}
    space.kubectl("delete", KIND, "digits", "--timeout=20s")
    assert ids(client) == set()


@pytest.mark.usefixtures("running")
def test_a_space_of_ones_own_waits_for_a_trainer_that_lowers_it_and_then_is_searched(
    space: Namespace, served: RunningController, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cluster_space.py").write_text(SPACE)
    declared = search("plugged", searchSpace={"plugin": {"object": "cluster_space:depths", "parameters": {"deepest": 3}}})
    space.apply(declared)
    space.eventually_condition(KIND, "plugged", "Ready", "False", "WaitingForSearchSpace")
    said = "waits for a trainer to lower its search space cluster_space:depths: start one"
    # Until the controller has been asked anew, the operator says in its own words what is waited for.
    eventually(lambda: space.condition(KIND, "plugged", "Ready")["message"].startswith(said), said)
    monkeypatch.syspath_prepend(str(tmp_path))  # handed on to the trainer
    with trainer(served.address, tmp_path / "trainer.log"):
        space.eventually_condition(KIND, "plugged", "Complete", "True")
        declared["spec"]["budget"] = {"trials": 24}  # another change, declared without the decisions again
        space.apply(declared)
        space.eventually_status(KIND, "plugged", progress="24/24")
    lowered = client.get_search(f"namespaces/{space.name}/searches/plugged").spec.search_space.plugin
    assert [list(decision.one_of.options) for decision in lowered.decisions.decisions] == [["1", "2", "3"]]
    assert space.get(KIND, "plugged")["spec"]["searchSpace"]["plugin"].keys() == {"object", "parameters"}
    space.kubectl("delete", KIND, "plugged", "--timeout=20s")


@pytest.mark.usefixtures("running")
def test_a_search_is_deleted_though_the_controller_is_gone_and_the_event_names_what_stays(
    space: Namespace, served: RunningController, client: Client
) -> None:
    space.apply(search("digits"))
    eventually(lambda: len(ids(client)) == 1, "the search at the controller")
    space.eventually_condition(KIND, "digits", "Ready", "False", "WaitingForTrainers")
    served.process.kill()
    space.eventually_condition(KIND, "digits", "Ready", "Unknown")
    space.kubectl("delete", KIND, "digits", "--timeout=30s")
    events = {event["reason"]: event.get("message", "") for event in space.get("events")}
    assert f"namespaces/{space.name}/searches/digits" in events["LeftBehind"]


def test_searches_go_on_where_they_were_after_the_controller_and_the_operator_were_away(
    control_plane: ControlPlane, operator_account: Path, space: Namespace, tmp_path: Path
) -> None:
    address, name = free_address(), f"namespaces/{space.name}/searches/digits"
    with (
        operator(control_plane, operator_account, address, tmp_path / "operator.log", "--namespaces", space.name) as one,
    ):
        space.apply(search("digits"))
        space.eventually_condition(KIND, "digits", "Ready", "Unknown", "ControllerUnavailable")
        with controller(tmp_path / "controller", address) as served:
            space.eventually_condition(KIND, "digits", "Ready", "False", "WaitingForTrainers")
            served.process.kill()
        one.process.kill()
    with controller(tmp_path / "controller", address), Client(address) as client:
        client.get_search(name)
        with operator(control_plane, operator_account, address, tmp_path / "operator.log", "--namespaces", space.name):
            space.apply(search("digits", parallelism=9))
            eventually(lambda: client.get_search(name).spec.parallelism == 9, "the change")
            space.kubectl("delete", KIND, "digits", "--timeout=20s")
        assert ids(client) == set()


async def test_a_search_that_is_gone_before_it_is_declared_is_not_left_at_the_controller(
    control_plane: ControlPlane, operator_account: Path, served: RunningController, client: Client
) -> None:
    config = operator_config(operator_account, served.address)
    with ThreadPoolExecutor(1) as threads:
        async with api_server(config) as operators, api_server(operator_config(control_plane.kubeconfig)) as user:
            stage = Stage(user, operators, GrpcController(client, threads), config, "gone-before")
            await stage.prepare()
            await stage.create(SEARCHES, search("digits"))
            operator = stage.new_operator()
            await operator.look()
            await stage.delete(SEARCHES, "digits")
            with pytest.raises(ConflictError, match="gone"):
                await operator.reconcile(search_key(stage))
            await stage.delete_namespace()
    assert ids(client) == set()
