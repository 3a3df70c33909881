"""The pod template of a pool, before the pool's own template is laid over it.

What trainers are told is told by the environment, entry by entry, so that a template can change any one of it.
"""

from collections.abc import Mapping
from typing import Any

from nasfleet.catalogue import TrainerPoolSpec
from nasfleet.catalogue.writing import plain_data
from nasfleet.names import PoolName
from nasfleet_operator.kinds import POOL_LABEL
from nasfleet_operator.plan import Identity
from nasfleet_operator.settings import Settings

CONTAINER = "trainer"
METRICS_PORT = 9465
CERTIFICATES = "ca.crt"
"""The key in a ConfigMap, and the file in a pod, that has the certificates by which trainers know the controller."""
LEAVING_SECONDS = 10
"""What a pod has on top of the trainer's own grace period, to send what it still holds and to end."""

_USER = 65532
_IDENTITY = "/var/run/secrets/nasfleet"
_TOKEN_SECONDS = 3600
_CPU, _MEMORY = "1", "2Gi"
_PROBE_SECONDS = 3  # a trainer may take two to find out that it does not answer, and is to say so itself
_QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


def pod_template(
    pool: Identity, spec: TrainerPoolSpec, settings: Settings, labels: Mapping[str, str], trust: str | None
) -> dict[str, Any]:
    """Return the pods that a pool's spec asks for, under the restricted Pod Security level.

    Args:
        pool: whose pods they are.
        spec: of the pool.
        settings: of the operator.
        labels: of the pods.
        trust: the ConfigMap that they know the controller by; None for plain text.
    """
    queue = {} if spec.queue_name is None else {_QUEUE_LABEL: spec.queue_name}
    pod = {
        "serviceAccountName": spec.service_account_name or settings.service_account,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": spec.grace_period_seconds + LEAVING_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(pool, spec, settings, encrypted=trust is not None)],
        "volumes": _volumes(spec, settings, trust),
        **_placement(pool, spec),
    }
    return {"metadata": {"labels": {**labels, **queue}}, "spec": pod}


def _container(pool: Identity, spec: TrainerPoolSpec, settings: Settings, *, encrypted: bool) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": spec.image or settings.trainer_image,
        "command": ["nasfleet", "trainer"],
        "env": _environment(pool, spec, settings, encrypted=encrypted),
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        # The first import of torch from a cold disk can take minutes.
        "startupProbe": _probe("/livez", seconds=2, failures=150),
        "livenessProbe": _probe("/livez", seconds=10, failures=6),
        "readinessProbe": _probe("/readyz", seconds=5, failures=2),
        "resources": _resources(spec),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": _mounts(spec, encrypted=encrypted),
    }


def _environment(pool: Identity, spec: TrainerPoolSpec, settings: Settings, *, encrypted: bool) -> list[dict[str, Any]]:
    told = {
        "NASFLEET_CONTROLLER": settings.controller,
        "NASFLEET_POOL": str(PoolName(pool.namespace, pool.name)),
        "NASFLEET_SLOTS": str(spec.slots),
        "NASFLEET_GRACE": str(spec.grace_period_seconds),
        "NASFLEET_METRICS_HOST": "0.0.0.0",  # noqa: S104 - kubelet's probes and Prometheus come from outside the pod
        "NASFLEET_METRICS_PORT": str(METRICS_PORT),
        "HOME": "/tmp",  # noqa: S108 - an emptyDir of the pod's own; caches go there
    }
    if encrypted:
        told |= {"NASFLEET_CA": f"{_IDENTITY}/{CERTIFICATES}", "NASFLEET_TOKEN_FILE": f"{_IDENTITY}/token"}
        told |= {"NASFLEET_SERVER_NAME": settings.server_name} if settings.server_name else {}
    if spec.gpus:
        told["NASFLEET_DEVICE"] = "cuda"  # so that a missing driver is told of, not trained around on the processor
    if spec.data_claim is not None:
        told["NASFLEET_DATA_DIR"] = "/data"
    if spec.artifacts_claim is not None:
        told["NASFLEET_ARTIFACTS"] = "/artifacts"
    of_pod = {
        "NASFLEET_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "NASFLEET_GANG_HOST": {"fieldRef": {"fieldPath": "status.podIP"}},
        # Threads for all cores of a node, in each of its pods, would stand in each other's way.
        "NASFLEET_CORES": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1"}},
    }
    values = [{"name": variable, "value": value} for variable, value in told.items()]
    # First, so that a template can make others of them: $(NASFLEET_NAME).
    return [*({"name": variable, "valueFrom": source} for variable, source in of_pod.items()), *values]


def _resources(spec: TrainerPoolSpec) -> dict[str, Any]:
    requests = {"cpu": spec.cpu or _CPU, "memory": spec.memory or _MEMORY}
    if not spec.gpus:
        return {"requests": requests}
    gpus = {spec.gpu_resource: str(spec.gpus)}
    return {"requests": requests | gpus, "limits": gpus}


def _volumes(spec: TrainerPoolSpec, settings: Settings, trust: str | None) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if trust is not None:
        token = {"path": "token", "audience": settings.token_audience, "expirationSeconds": _TOKEN_SECONDS}
        sources = [{"serviceAccountToken": token}, {"configMap": {"name": trust}}]
        volumes.append({"name": "identity", "projected": {"sources": sources}})
    if spec.data_claim is not None:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": spec.data_claim, "readOnly": True}})
    if spec.artifacts_claim is not None:
        volumes.append({"name": "artifacts", "persistentVolumeClaim": {"claimName": spec.artifacts_claim}})
    return volumes


def _mounts(spec: TrainerPoolSpec, *, encrypted: bool) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - of the pod's own
    if encrypted:
        mounts.append({"name": "identity", "mountPath": _IDENTITY, "readOnly": True})
    if spec.data_claim is not None:
        mounts.append({"name": "data", "mountPath": "/data", "readOnly": True})
    if spec.artifacts_claim is not None:
        mounts.append({"name": "artifacts", "mountPath": "/artifacts"})
    return mounts


def _placement(pool: Identity, spec: TrainerPoolSpec) -> dict[str, Any]:
    placement: dict[str, Any] = {}
    tolerations = [plain_data(toleration) for toleration in spec.tolerations]
    if spec.gpus:
        tolerations.append({"key": spec.gpu_resource, "operator": "Exists", "effect": "NoSchedule"})
    if tolerations:
        placement["tolerations"] = tolerations
    if spec.node_selector:
        placement["nodeSelector"] = dict(spec.node_selector)
    if spec.priority_class_name is not None:
        placement["priorityClassName"] = spec.priority_class_name
    if spec.spread_over_nodes:
        placement["topologySpreadConstraints"] = [
            {
                "topologyKey": "kubernetes.io/hostname",
                "maxSkew": 1,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {POOL_LABEL: pool.name}},
            }
        ]
    return placement


def _probe(path: str, *, seconds: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "metrics"},
        "periodSeconds": seconds,
        "timeoutSeconds": _PROBE_SECONDS,
        "failureThreshold": failures,
    }
