"""Pools that are no more are known to nobody, whether the operator saw them go or not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nasfleet.client import Client
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, operator, pool
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller, free_address


@pytest.fixture
def space(control_plane: ControlPlane, namespace: str) -> Namespace:
    space = Namespace(control_plane, namespace)
    space.kubectl("create", "serviceaccount", "nasfleet-trainer")
    return space


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with controller(tmp_path / "controller") as served:
        yield served.address


def declared(client: Client) -> set[str]:
    return {one.name for one in client.get_fleet().pools}


def test_a_deleted_pool_is_forgotten_by_the_controller_also_if_the_operator_was_away(
    control_plane: ControlPlane, operator_account: Path, space: Namespace, address: str, tmp_path: Path
) -> None:
    first, second, stays = (f"namespaces/{space.name}/pools/{name}" for name in ("first", "second", "stays"))
    elsewhere = "namespaces/not-watched/pools/theirs"
    served = (control_plane, operator_account, address, tmp_path / "operator.log", "--namespaces", space.name)
    with Client(address) as client:
        client.ensure_pool(elsewhere, labels={}, service_account="", wanted_size=1)
        with operator(*served):
            space.apply(*(pool(name, replicas=0) for name in ("first", "second", "stays")))
            eventually(lambda: declared(client) == {first, second, stays, elsewhere}, "all pools at the controller")
            space.kubectl("delete", "trainerpool", "first", "--timeout=10s")
            eventually(lambda: declared(client) == {second, stays, elsewhere}, "one pool less")
        space.kubectl("delete", "trainerpool", "second", "--timeout=10s")
        gone = f"deployment {space.name}/second-trainers, whose events would tell of the pool"
        eventually(lambda: space.get("deployment", "second-trainers") is None, gone)
        assert second in declared(client)
        with operator(*served):
            eventually(lambda: declared(client) == {stays, elsewhere}, "what is left")


def test_a_pool_that_was_deleted_while_the_controller_was_away_is_forgotten_when_it_is_back(
    control_plane: ControlPlane, operator_account: Path, space: Namespace, tmp_path: Path
) -> None:
    where, data = free_address(), tmp_path / "controller"
    with operator(control_plane, operator_account, where, tmp_path / "operator.log", "--namespaces", space.name):
        with controller(data, where) as served, Client(where) as client:
            space.apply(pool("gpus", replicas=0))
            eventually(lambda: declared(client) != set(), "the pool at the controller")
            served.process.kill()
        space.eventually_condition("trainerpool", "gpus", "Degraded", "True", "ControllerUnavailable")
        space.kubectl("delete", "trainerpool", "gpus", "--timeout=10s")
        with controller(data, where), Client(where) as client:
            eventually(lambda: declared(client) == set(), "no pool")
