"""What the chart and the operator make, by the schemas of each version of Kubernetes: no field that is unknown to it."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import yaml

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet_operator.cluster import _event
from nasfleet_operator.deployment import deployment, disruption_budget, trust
from nasfleet_operator.plan import Announce, EventKind
from nasfleet_testing.chart import CHART, ROOT, VALUE_SETS, Helm
from nasfleet_testing.kubernetes_schemas import VERSIONS, refusals
from nasfleet_testing.observed_resources import POOL, SETTINGS, pool

# Not Kubernetes' own: what their schemas are, others say.
FOREIGN = {
    ("nasfleet.dev/v1alpha1", "TrainerPool"),
    ("cert-manager.io/v1", "Certificate"),
    ("cert-manager.io/v1", "Issuer"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
}


def kind(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["apiVersion"], manifest["kind"]


def refused(manifests: Iterable[Mapping[str, Any]], version: str) -> list[str]:
    return [refusal for one in manifests if kind(one) not in FOREIGN for refusal in refusals(one, version)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", VALUE_SETS)
def test_a_version_of_kubernetes_takes_every_manifest_of_the_chart(helm: Helm, name: str, version: str) -> None:
    assert not refused(helm.template(VALUE_SETS[name]), version)


def test_each_kind_that_is_left_out_is_one_that_the_chart_makes(helm: Helm) -> None:
    assert {kind(one) for values in VALUE_SETS.values() for one in helm.template(values)} >= FOREIGN


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(TrainerPoolSpec(), id="with GPUs"),
        pytest.param(TrainerPoolSpec(gpus=0, cpu="2", memory="4Gi"), id="without"),
        pytest.param(
            TrainerPoolSpec(
                node_selector={"gpu": "h200"},
                priority_class_name="research",
                spread_over_nodes=True,
                data_claim="sets",
                artifacts_claim="weights",
                max_unavailable="1",
            ),
            id="with all else",
        ),
    ],
)
def test_a_version_of_kubernetes_takes_what_the_operator_makes_for_a_pool(spec: TrainerPoolSpec, version: str) -> None:
    one = pool(spec)
    made = [deployment(one, spec, 3, SETTINGS, encrypted=True), disruption_budget(one, spec), trust(one, "certificates")]
    assert not refused(made, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_of_kubernetes_takes_the_events_of_the_operator(version: str) -> None:
    event = Announce("gpu.1", POOL, EventKind.WARNING, "QuotaExceeded", "no room")
    assert not refused([_event(event)], version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_of_kubernetes_takes_the_manifests_of_an_operator_without_the_chart(version: str) -> None:
    files = (ROOT / "operator" / "manifests").rglob("*.yaml")
    assert not refused((one for file in files for one in yaml.safe_load_all(file.read_text())), version)


def misspelt(manifest: dict[str, Any]) -> None:
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    container["imagePullpolicy"] = "Always"


def mistyped(manifest: dict[str, Any]) -> None:
    manifest["spec"]["replicas"] = "3"


def outdated(manifest: dict[str, Any]) -> None:
    manifest["apiVersion"] = "apps/v1beta1"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (misspelt, r"^Deployment gpu-trainers\.spec\.template\.spec\.containers\[0\]: .*'imagePullpolicy' was unexpected"),
        (mistyped, r"^Deployment gpu-trainers\.spec\.replicas: '3' is not of type"),
        (outdated, r"has no Deployment of apps/v1beta1$"),
    ],
)
def test_a_manifest_with_a_mistake_is_refused(spoil: Callable[[dict[str, Any]], None], said: str, version: str) -> None:
    manifest = deployment(pool(TrainerPoolSpec()), TrainerPoolSpec(), 3, SETTINGS)
    spoil(manifest)
    [refusal] = refused([manifest], version)
    assert re.search(said, refusal)


def test_a_field_is_refused_by_the_versions_before_it() -> None:
    manifest = deployment(pool(TrainerPoolSpec()), TrainerPoolSpec(), 3, SETTINGS)
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    container["restartPolicyRules"] = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    assert [version for version in VERSIONS if not refused([manifest], version)] == ["1.34", "1.35", "1.36"]


def test_the_first_version_is_the_oldest_that_the_chart_takes() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={VERSIONS[0]}.0-0"
