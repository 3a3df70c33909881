from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet.catalogue.toleration import TaintEffect, Toleration
from nasfleet_operator.deployment import APPLIED, belongs_to, deployment, disruption_budget, trust
from nasfleet_operator.trainer_pod import LEAVING_SECONDS
from nasfleet_testing.observed_resources import POOL, SETTINGS, pool

GOLDEN = Path(__file__).with_name("golden_pool_objects.yaml")


def template_of(spec: TrainerPoolSpec) -> dict[str, object]:
    made = deployment(pool(spec), spec, 3, SETTINGS)["spec"]["template"]
    assert isinstance(made, dict)
    return made


def pod_of(spec: TrainerPoolSpec) -> dict[str, object]:
    made = template_of(spec)["spec"]
    assert isinstance(made, dict)
    return made


def environment_of(spec: TrainerPoolSpec) -> dict[str, str]:
    [container] = pod_of(spec)["containers"]  # type: ignore[misc]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def test_a_gpu_pool_is_made_of_these_objects() -> None:
    """Written out in full, to be read: `golden_pool_objects.yaml`."""
    spec = TrainerPoolSpec(replicas=3)
    made = [deployment(pool(spec), spec, 3, SETTINGS), disruption_budget(pool(spec), spec)]
    assert made == list(yaml.safe_load_all(GOLDEN.read_text()))


def test_a_pool_without_gpus_asks_for_none_and_tolerates_no_taint_of_theirs() -> None:
    pod = pod_of(TrainerPoolSpec(gpus=0))
    [container] = pod["containers"]  # type: ignore[misc]
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "2Gi"}}
    assert "tolerations" not in pod


def test_gpus_are_requested_as_the_resource_that_the_pool_names_and_its_taint_is_tolerated() -> None:
    pod = pod_of(TrainerPoolSpec(gpus=2, gpu_resource="amd.com/gpu", cpu="4", memory="32Gi"))
    [container] = pod["containers"]  # type: ignore[misc]
    assert container["resources"]["limits"] == {"amd.com/gpu": "2"}
    assert container["resources"]["requests"] == {"cpu": "4", "memory": "32Gi", "amd.com/gpu": "2"}
    assert pod["tolerations"] == [{"key": "amd.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_pods_go_where_the_pool_says() -> None:
    tainted = Toleration(key="team", value="vision", effect=TaintEffect.NO_SCHEDULE)
    spec = TrainerPoolSpec(
        gpus=0,
        node_selector={"gpu": "h200"},
        tolerations=(tainted,),
        priority_class_name="research",
        queue_name="vision",
        spread_over_nodes=True,
    )
    pod = pod_of(spec)
    assert pod["nodeSelector"] == {"gpu": "h200"}
    assert pod["tolerations"] == [{"key": "team", "operator": "Equal", "value": "vision", "effect": "NoSchedule"}]
    assert pod["priorityClassName"] == "research"
    [spread] = pod["topologySpreadConstraints"]  # type: ignore[misc]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert template_of(spec)["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "vision"  # type: ignore[index]


def test_claims_are_mounted_data_read_only_and_trainers_are_told_where() -> None:
    spec = TrainerPoolSpec(data_claim="sets", artifacts_claim="weights")
    [container] = pod_of(spec)["containers"]  # type: ignore[misc]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/data"] == {"name": "data", "mountPath": "/data", "readOnly": True}
    assert mounts["/artifacts"] == {"name": "artifacts", "mountPath": "/artifacts"}
    told = environment_of(spec)
    assert (told["NASFLEET_DATA_DIR"], told["NASFLEET_ARTIFACTS"]) == ("/data", "/artifacts")


def test_the_pod_outlasts_the_grace_that_its_trainer_is_told() -> None:
    spec = TrainerPoolSpec(grace_period_seconds=120)
    assert environment_of(spec)["NASFLEET_GRACE"] == "120"
    assert pod_of(spec)["terminationGracePeriodSeconds"] == 120 + LEAVING_SECONDS


@pytest.mark.parametrize(("text", "value"), [("25%", "25%"), ("2", 2)])
def test_what_may_be_missing_is_a_share_or_a_number(text: str, value: str | int) -> None:
    spec = TrainerPoolSpec(max_unavailable=text)
    made = deployment(pool(spec), spec, 3, SETTINGS)
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": value}
    assert disruption_budget(pool(spec), spec)["spec"]["maxUnavailable"] == value


def test_a_template_changes_anything_one_variable_too() -> None:
    over = {
        "metadata": {"annotations": {"note": "mine"}},
        "spec": {
            "schedulerName": "volcano",
            "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "h200"}],
            "containers": [
                {
                    "name": "trainer",
                    "env": [{"name": "NASFLEET_DEVICE", "value": "cpu"}, {"name": "NASFLEET_CORES", "value": "8"}],
                    "resources": {"claims": [{"name": "gpu"}]},
                }
            ],
        },
    }
    spec = TrainerPoolSpec(template=over)
    told = environment_of(spec)
    assert told["NASFLEET_DEVICE"] == "cpu"
    assert told["NASFLEET_SLOTS"] == "1"
    assert told["NASFLEET_CORES"] == "8"
    assert pod_of(spec)["schedulerName"] == "volcano"
    assert template_of(spec)["metadata"]["annotations"] == {"note": "mine"}  # type: ignore[index]


def test_trainers_with_gpus_are_told_to_train_on_nothing_else() -> None:
    assert environment_of(TrainerPoolSpec())["NASFLEET_DEVICE"] == "cuda"
    assert "NASFLEET_DEVICE" not in environment_of(TrainerPoolSpec(gpus=0))


def test_labels_of_the_pool_are_no_part_of_its_pods_so_that_relabelling_restarts_nothing() -> None:
    spec = TrainerPoolSpec()
    plain, labelled = pool(spec), pool(spec)
    object.__setattr__(labelled, "labels", {"gpu": "b300"})
    assert deployment(plain, spec, 1, SETTINGS) == deployment(labelled, spec, 1, SETTINGS)


def test_the_applied_hash_changes_with_the_manifest_and_only_then() -> None:
    def digest(spec: TrainerPoolSpec, replicas: int) -> str:
        text = deployment(pool(spec), spec, replicas, SETTINGS)["metadata"]["annotations"][APPLIED]
        assert isinstance(text, str)
        return text

    assert digest(TrainerPoolSpec(), 1) == digest(TrainerPoolSpec(), 1)
    assert len({digest(TrainerPoolSpec(), 1), digest(TrainerPoolSpec(), 2), digest(TrainerPoolSpec(slots=2), 1)}) == 3


def test_an_object_belongs_to_the_pool_that_controls_it_by_its_uid() -> None:
    spec = TrainerPoolSpec()
    made = deployment(pool(spec), spec, 1, SETTINGS)
    assert belongs_to(POOL, made)
    made["metadata"]["ownerReferences"][0]["uid"] = "an-earlier-pool-of-this-name"
    assert not belongs_to(POOL, made)
    assert not belongs_to(POOL, {"metadata": {}})


def test_where_tls_is_spoken_pods_get_what_they_trust_and_are_told_to_send_their_token() -> None:
    spec = TrainerPoolSpec()
    plain, secure = (deployment(pool(spec), spec, 3, SETTINGS, encrypted=encrypted) for encrypted in (False, True))
    token = {"path": "token", "audience": "nasfleet-controller", "expirationSeconds": 3600}
    assert _identity(secure) == [{"serviceAccountToken": token}, {"configMap": {"name": "gpu-trainers"}}]
    assert not _identity(plain), "a token that code of users could read, and nobody sends"
    assert _told(secure) - _told(plain) == {
        ("NASFLEET_CA", "/var/run/secrets/nasfleet/ca.crt"),
        ("NASFLEET_TOKEN_FILE", "/var/run/secrets/nasfleet/token"),
    }


def test_trainers_are_told_the_name_in_the_certificate_where_that_is_another() -> None:
    spec = TrainerPoolSpec()
    settings = replace(SETTINGS, server_name="controller.example.com")
    made = deployment(pool(spec), spec, 3, settings, encrypted=True)
    assert ("NASFLEET_SERVER_NAME", "controller.example.com") in _told(made)


def test_the_map_of_what_pods_trust_bears_the_name_that_they_mount_and_the_certificates_as_they_are() -> None:
    made = trust(pool(TrainerPoolSpec()), "-----BEGIN CERTIFICATE-----")
    assert made["metadata"]["name"] == "gpu-trainers"
    assert made["data"] == {"ca.crt": "-----BEGIN CERTIFICATE-----"}
    assert belongs_to(POOL, made)


def _identity(manifest: dict[str, Any]) -> list[Any]:
    volumes = manifest["spec"]["template"]["spec"]["volumes"]
    return [source for volume in volumes if volume["name"] == "identity" for source in volume["projected"]["sources"]]


def _told(manifest: dict[str, Any]) -> set[tuple[str, str]]:
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    return {(entry["name"], entry["value"]) for entry in container["env"] if "value" in entry}
