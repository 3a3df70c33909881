import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
import yaml

import nasfleet
from nasfleet_cli.commands.get import searches
from nasfleet_controller import config as controller_config
from nasfleet_operator import config as operator_config
from nasfleet_operator.kinds import MANAGER
from nasfleet_testing.chart import CHART, ROOT, VALUE_SETS, Helm, masked, pod_templates

GOLDEN = Path(__file__).parent / "golden"
LABELS = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "component", "part-of", "managed-by")}


@pytest.fixture(params=VALUE_SETS)
def rendered(request: pytest.FixtureRequest, helm: Helm) -> list[dict[str, Any]]:
    return helm.template(VALUE_SETS[request.param])


def containers(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {container["name"]: container for pod in pod_templates(manifests) for container in pod["spec"]["containers"]}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def by_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def test_helm_finds_nothing_to_say_of_the_chart(helm: Helm) -> None:
    said = helm.do("lint", "--strict", str(CHART))
    assert set(re.findall(r"\[\w+\] .*", said)) <= {"[INFO] Chart.yaml: icon is recommended"}


@pytest.mark.parametrize("name", VALUE_SETS)
def test_the_values_give_these_manifests(helm: Helm, name: str) -> None:
    """Written out in full, to be read; PYTHONPATH=tests python -m nasfleet_testing.chart writes them anew."""
    assert masked(helm.template(VALUE_SETS[name])) == list(yaml.safe_load_all((GOLDEN / f"{name}.yaml").read_text()))


def test_the_chart_has_the_version_of_the_programs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (nasfleet.__version__, nasfleet.__version__)


def test_everything_has_the_recommended_labels_and_a_namespace_of_its_own_if_it_can(rendered: list[dict[str, Any]]) -> None:
    outside = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
    for one in rendered:
        assert one["metadata"]["labels"].keys() >= LABELS, one["metadata"]["name"]
        assert ("namespace" in one["metadata"]) == (one["kind"] not in outside), one["metadata"]["name"]


def test_the_resources_are_those_of_the_operator(helm: Helm) -> None:
    """Word for word, but for labels and whether they are kept: numbers in schemas do not survive every reader."""
    files = (ROOT / "operator" / "manifests" / "crds").glob("*.yaml")
    made = by_kind(helm.template({}), "CustomResourceDefinition")
    declared = {one["metadata"]["name"]: one for one in (yaml.safe_load(file.read_text()) for file in files)}
    assert {name: one["spec"] for name, one in made.items()} == {name: one["spec"] for name, one in declared.items()}
    assert all(one["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for one in made.values())
    assert not by_kind(helm.template({"crds": {"install": False}}), "CustomResourceDefinition")


def test_the_operator_has_the_rights_that_its_manifest_gives(helm: Helm) -> None:
    [role] = [
        one
        for one in yaml.safe_load_all((ROOT / "operator" / "manifests" / "rbac.yaml").read_text())
        if one["kind"] == "ClusterRole"
    ]
    assert by_kind(helm.template({}), "ClusterRole")["nasfleet-nasfleet-operator"]["rules"] == role["rules"]


def test_the_operator_of_some_namespaces_is_bound_in_these_alone(helm: Helm) -> None:
    made = helm.template({"operator": {"namespaces": ["vision", "speech"]}})
    bindings = [
        one for one in made if one["kind"].endswith("Binding") and one["roleRef"]["name"] == "nasfleet-nasfleet-operator"
    ]
    assert [(one["kind"], one["metadata"]["namespace"]) for one in bindings] == [
        ("RoleBinding", "vision"),
        ("RoleBinding", "speech"),
    ]
    assert environment(containers(made)["operator"])["NASFLEET_OPERATOR_NAMESPACES"] == "vision,speech"


def test_the_controller_may_ask_who_calls_and_what_they_may_and_nothing_else(helm: Helm) -> None:
    rules = by_kind(helm.template({}), "ClusterRole")["nasfleet-nasfleet-controller"]["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["tokenreviews"], ["create"]),
        (["subjectaccessreviews"], ["create"]),
    ]
    without = helm.template({"authentication": {"mode": "None"}})
    assert "nasfleet-nasfleet-controller" not in by_kind(without, "ClusterRole")
    [pod] = [pod for pod in pod_templates(without) if pod["spec"]["containers"][0]["name"] == "controller"]
    assert pod["spec"]["automountServiceAccountToken"] is False


def known(parser: ArgumentParser) -> set[str]:
    """Return the variables that the help texts of a program's options name."""
    return {found for action in parser._actions for found in re.findall(r"NASFLEET_[A-Z_]+", action.help or "")}


def test_every_variable_of_the_pods_is_one_that_the_program_reads(rendered: list[dict[str, Any]]) -> None:
    readers = {
        "controller": known(controller_config._parser({})),
        "operator": known(operator_config._parser({})),
        "searches": {str(option.envvar) for option in searches.params},
    }
    for name, container in containers(rendered).items():
        told = {variable for variable in environment(container) if variable.startswith("NASFLEET_")}
        assert told <= readers[name], f"{name} knows no {told - readers[name]}"


def test_programs_take_what_they_are_told(helm: Helm, tmp_path: Path) -> None:
    made = containers(helm.template({}))
    (tmp_path / "empty").touch()
    controller = controller_config.ControllerConfig.read([], environment(made["controller"]))
    assert (str(controller.listen), str(controller.health)) == ("0.0.0.0:50051", "0.0.0.0:50052")
    assert controller.authentication is controller_config.Authentication.KUBERNETES
    assert controller.operator_account == "system:serviceaccount:nasfleet:nasfleet-operator"
    told = environment(made["operator"])
    # Whether the files are there is another matter.
    plain = {
        name: value for name, value in told.items() if name not in {"NASFLEET_OPERATOR_CA", "NASFLEET_OPERATOR_TOKEN_FILE"}
    }
    assert operator_config.OperatorConfig.read([], plain).settings.service_account == "nasfleet-trainer"


def test_mounted_files_are_those_that_the_variables_name(rendered: list[dict[str, Any]]) -> None:
    for pod in pod_templates(rendered):
        [container] = pod["spec"]["containers"]
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        files = set()
        for mount in container["volumeMounts"]:
            volume = volumes.get(mount["name"], {})  # a StatefulSet's own is none of the pod's
            sources = volume.get("projected", {}).get("sources", [volume])
            for source in sources:
                files |= {f"{mount['mountPath']}/{item['path']}" for item in source.get("secret", {}).get("items", ())}
                if "serviceAccountToken" in source:
                    files.add(f"{mount['mountPath']}/{source['serviceAccountToken']['path']}")
        variables = ("_TLS_CERTIFICATE", "_TLS_KEY", "_CA", "_TOKEN_FILE")
        assert files == {value for name, value in environment(container).items() if name.endswith(variables)}


def test_a_store_in_postgresql_needs_no_volume(helm: Helm) -> None:
    made = helm.template(VALUE_SETS["postgresql"])
    assert not by_kind(made, "StatefulSet")
    deployment = by_kind(made, "Deployment")["nasfleet-controller"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    [url] = [entry for entry in containers(made)["controller"]["env"] if entry["name"] == "NASFLEET_STORE_URL"]
    assert url["valueFrom"] == {"secretKeyRef": {"name": "database", "key": "uri"}}


@pytest.mark.parametrize("part", ["controller", "operator"])
def test_a_digest_wins_over_a_version(helm: Helm, part: str) -> None:
    digest = "sha256:" + 64 * "b"
    made = helm.template(
        {"image": {"registry": "example.com/ml/", "tag": "9"}, part: {"image": {"digest": digest, "tag": "8"}}}
    )
    assert containers(made)[part]["image"] == f"example.com/ml/nasfleet/{part}@{digest}"


def test_policies_name_ports_that_the_pods_have(rendered: list[dict[str, Any]]) -> None:
    ports = {name: {port["name"] for port in one.get("ports", ())} for name, one in containers(rendered).items()}
    policies = by_kind(rendered, "NetworkPolicy")
    for name, policy in policies.items():
        own = {"metrics"} if name.endswith("-trainers") else ports[name.rpartition("-")[2]]
        named = {port["port"] for rule in policy["spec"]["ingress"] for port in rule.get("ports", ())}
        assert named <= own, name
        # Not every plugin knows names here, since they are those of the pod that is called.
        called = {port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", ())}
        assert all(isinstance(port, int) for port in called), name


def test_every_pod_of_ours_has_a_policy(helm: Helm) -> None:
    made = helm.template({})
    policies = [one["spec"]["podSelector"]["matchLabels"] for one in by_kind(made, "NetworkPolicy").values()]
    workloads = [one for one in made if one["kind"] in {"Deployment", "StatefulSet"}]
    assert len(workloads) == 2
    for one in workloads:
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert any(policy.items() <= labels.items() for policy in policies), one["metadata"]["name"]
    assert {"app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/component": "trainer"} in policies


def test_an_upgrade_of_the_chart_alone_restarts_nothing(helm: Helm) -> None:
    for pod in pod_templates(helm.template({})):
        if "helm.sh/hook" not in pod["metadata"].get("annotations", {}):
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & pod["metadata"]["labels"].keys()


def test_dashboards_and_rules_come_from_the_files(helm: Helm) -> None:
    made = helm.template(VALUE_SETS["everything"])
    dashboards = {file.name for file in (CHART / "files" / "dashboards").glob("*.json")}
    shown = {key for one in by_kind(made, "ConfigMap").values() for key in one["data"] if key.endswith(".json")}
    assert shown == dashboards
    rules = [yaml.safe_load(file.read_text()) for file in sorted((CHART / "files" / "alerts").glob("*.yaml"))]
    assert [one["spec"] for one in by_kind(made, "PrometheusRule").values()] == rules
