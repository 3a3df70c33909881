"""What was kept under the definitions of an earlier edition is kept, and applied again, under the present ones."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.control_plane import control_plane as running
from nasfleet_testing.documents import PAPER
from nasfleet_testing.earlier_resources import Edition, earlier_edition, present_edition
from nasfleet_testing.processes import eventually

_POOL = """\
apiVersion: nasfleet.dev/v1alpha1
kind: TrainerPool
metadata: {name: gpu, labels: {gpu: h200}}
spec:
  tolerations: [{key: example.com/spot, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]
  autoscaling: {maxReplicas: 8}
  template: {spec: {hostNetwork: false}}
"""
_COLUMN = {"type": "string", "jsonPath": ".apiVersion"}


@pytest.fixture
def api_server(kubernetes_programs: None, tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server of the test's own, whose definitions it may replace."""
    with running(tmp_path / "control-plane", bare=True) as one:
        yield one


def _define(api_server: ControlPlane, edition: Edition, mark: str) -> None:
    """Have the definitions of an edition, each with one more column, which shows when they are served."""
    for text in edition.definitions.values():
        definition = yaml.safe_load(text)
        definition["spec"]["versions"][0]["additionalPrinterColumns"].append(_COLUMN | {"name": mark})
        api_server.do("apply", "--server-side", "--filename=-", stdin=json.dumps(definition))
        api_server.do("wait", "--for=condition=Established", "--timeout=30s", f"crd/{definition['metadata']['name']}")


def test_what_an_earlier_edition_kept_still_applies(api_server: ControlPlane) -> None:
    earlier = earlier_edition()
    documents = [*earlier.examples.values(), PAPER, _POOL]
    apply = ("apply", "--validate=strict", "--filename=-")
    _define(api_server, earlier, "earlier")
    for document in documents:
        api_server.do(*apply, stdin=document)

    _define(api_server, present_edition(), "present")
    for plural in ("architecturesearches", "trainerpools"):
        eventually(lambda plural=plural: "PRESENT" in api_server.do("get", plural), f"the present {plural}")

    for document in documents:
        api_server.do(*apply, "--server-side", "--force-conflicts", stdin=document)
        api_server.do(*apply, "--dry-run=server", "--namespace=kube-public", stdin=document)
    api_server.do("patch", "nas/digits", "--type=merge", '--patch={"spec": {"parallelism": 3}}')
