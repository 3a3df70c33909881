"""Quantities as the real API server keeps them: what it rounds and cuts off is no alteration by others."""

import json
from typing import Any

import pytest

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.deployment import deployment
from nasfleet_operator.sameness import difference
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.observed_resources import SETTINGS, pool


def container(**resources: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "trainer", "resources": resources}]}}


def volume(size: str) -> dict[str, Any]:
    return {"spec": {"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": size}}]}}


SPECS = {
    **{f"cpu-{cpu}": TrainerPoolSpec(cpu=cpu) for cpu in ("0.3333", "1.2345", "33.5m", "0.1m", "0.1234567891m", "2.0004k")},
    **{
        f"memory-{memory}": TrainerPoolSpec(memory=memory)
        for memory in ("2.3333333333333335Gi", "2.3333333333Gi", "0.1Ki", "0.3", "99999999999999999999999P")
    },
    "limits": TrainerPoolSpec(
        template=container(limits={"cpu": "2.6667", "memory": "3.3333333333Gi", "ephemeral-storage": "1.1Gi"})
    ),
    "exponents": TrainerPoolSpec(template=container(limits={"cpu": "3e3"}, requests={"ephemeral-storage": 1})),
    **{f"volume-{size}": TrainerPoolSpec(template=volume(size)) for size in ("1.33333333333333Gi", "0.12345678912", "0.1n")},
}


@pytest.fixture(scope="module")
def kept(control_plane: ControlPlane) -> dict[str, Any]:
    """What the API server would keep of the Deployment of each spec."""
    items = []
    for number, spec in enumerate(SPECS.values()):
        manifest = deployment(pool(spec), spec, 0, SETTINGS)
        items.append(manifest | {"metadata": manifest["metadata"] | {"name": f"kept-{number}", "namespace": "default"}})
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    done = control_plane.do("apply", "--server-side", "--dry-run=server", "--output=json", "--filename=-", stdin=text)
    found = {item["metadata"]["name"]: item["spec"] for item in json.loads(done)["items"]}
    return {name: found[f"kept-{number}"] for number, name in enumerate(SPECS)}


@pytest.mark.parametrize("name", SPECS)
def test_what_is_kept_is_as_desired(kept: dict[str, Any], name: str) -> None:
    assert difference(deployment(pool(SPECS[name]), SPECS[name], 0, SETTINGS)["spec"], kept[name]) is None
