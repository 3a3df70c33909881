"""The operator's panels have data of a real operator, and no alert of it fires for a template that the API server refuses."""

from pathlib import Path

from nasfleet_monitoring.controller_dashboard import OPERATOR
from nasfleet_testing.alerts import at_once
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.operators import Namespace, operator, pool
from nasfleet_testing.panels import without_data
from nasfleet_testing.processes import eventually
from nasfleet_testing.programs import controller
from nasfleet_testing.prometheus import prometheus

# A pass that fails is a defect, or an API server that is away; tests/system has the operator's own metrics count some.
RARE = "Passes that failed, per minute"


def test_every_panel_of_the_operator_has_data_of_a_real_one(
    control_plane: ControlPlane, operator_account: Path, namespace: str, tmp_path: Path
) -> None:
    space = Namespace(control_plane, namespace)
    flags = ("--namespaces", namespace)
    with (
        controller(tmp_path / "state") as running,
        operator(control_plane, operator_account, running.address, tmp_path / "operator.log", *flags) as here,
        prometheus(tmp_path / "prometheus", {"controller": running.metrics, "operator": here.metrics}, at_once()) as seen,
    ):
        wrong = {"spec": {"containers": [{"name": "trainer", "imagePullPolicy": "Sometimes"}]}}
        space.apply(pool("right", replicas=0), pool("wrong", replicas=0, template=wrong))
        eventually(lambda: seen.value('nasfleet_operator_api_calls_total{outcome="422"}') > 0, "a template that is refused")
        panels = [panel for panel in OPERATOR.panels if panel.title != RARE]
        eventually(lambda: without_data(seen, panels) == [], "data in every panel")
        assert seen.firing().keys() & {"NasfleetOperatorPassesFail", "NasfleetOperatorDown"} == set()
