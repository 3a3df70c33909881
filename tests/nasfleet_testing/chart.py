"""The chart as its tests use it: Helm itself, renderings for a handful of values, and what they are compared by."""

import copy
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cluster.programs import have

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "nasfleet"
NAMESPACE = "nasfleet"
# What Helm knows of a cluster that it does not ask.
SERVED = ("nasfleet.dev/v1alpha1/TrainerPool",)

VALUE_SETS: Mapping[str, Mapping[str, Any]] = {
    "defaults": {},
    "plain": {
        "tls": {"mode": "none"},
        "authentication": {"mode": "None"},
        "networkPolicy": {"enabled": False},
        "operator": {"enabled": False},
        "rbac": {"aggregate": False},
    },
    "postgresql": {
        "controller": {"postgresql": {"existingSecret": "database", "key": "uri"}},
        "tls": {
            "mode": "certManager",
            "extraNames": ["nasfleet.example.com", "192.0.2.7"],
            "ca": "-----BEGIN CERTIFICATE-----\n",
        },
        "networkPolicy": {
            "apiServer": ["192.0.2.1/32"],
            "apiServerPorts": [6443],
            "dns": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        },
    },
    "issuer": {
        "controller": {"persistence": {"existingClaim": "searches"}},
        "tls": {"mode": "certManager", "certManager": {"issuerRef": {"name": "company", "kind": "ClusterIssuer"}}},
        "crds": {"keep": False},
    },
    "namespaces": {
        "fullnameOverride": "nas",
        "operator": {"namespaces": ["vision", "speech"]},
        "trainers": {"namespaces": ["vision", "speech"], "serviceAccount": {"annotations": {"example.com/role": "trainer"}}},
        "tls": {"mode": "existingSecret", "existingSecret": "certificate"},
        "authentication": {"mode": "None"},
    },
    "everything": {
        "commonLabels": {"team": "vision"},
        "imagePullSecrets": [{"name": "registry"}],
        "image": {"registry": "registry.example.com/ml", "tag": "0.1.1", "pullPolicy": "Always"},
        "controller": {
            "image": {"digest": "sha256:" + 64 * "a"},
            "persistence": {"size": "50Gi", "storageClassName": "fast", "annotations": {"example.com/backup": "daily"}},
            "service": {"type": "LoadBalancer", "port": 443, "annotations": {"example.com/internal": "true"}},
            "serviceAccount": {"name": "brain"},
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "database"}}}
                    ]
                }
            },
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"team": "vision"}},
                }
            ],
            "priorityClassName": "system-cluster-critical",
            "extraEnv": [{"name": "GRPC_VERBOSITY", "value": "info"}],
            "podAnnotations": {"example.com/note": "one"},
            "podLabels": {"billing": "research"},
        },
        "operator": {"extraEnv": [{"name": "NASFLEET_OPERATOR_WORKERS", "value": "16"}], "podLabels": {"billing": "research"}},
        "trainers": {"pool": {"enabled": True, "labels": {"kind": "cpu"}, "spec": {"gpus": 0, "cpu": "2", "memory": "4Gi"}}},
        "networkPolicy": {
            "clients": [{"podSelector": {"matchLabels": {"app": "notebook"}}}],
            "prometheus": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "prometheus"}}}],
            "controllerEgress": [{"to": [{"podSelector": {"matchLabels": {"app": "collector"}}}], "ports": [{"port": 4317}]}],
            "trainerEgress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 443}]}],
        },
        "monitoring": {
            "podMonitors": {"enabled": True, "interval": "15s", "labels": {"release": "prometheus"}},
            "rules": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboards": {"enabled": True, "annotations": {"grafana_folder": "nasfleet"}},
        },
    },
}

# What is Kubernetes' own below, and checked by it alone.
OPEN = {
    "global",
    "controller.affinity",
    "controller.topologySpreadConstraints",
    "controller.extraEnv",
    "controller.resources",
    "operator.affinity",
    "operator.topologySpreadConstraints",
    "operator.extraEnv",
    "operator.resources",
    "trainers.pool.spec",
    "networkPolicy.clients",
    "networkPolicy.dns",
    "networkPolicy.prometheus",
    "networkPolicy.controllerEgress",
    "networkPolicy.trainerEgress",
}


class ChartRefusedError(Exception):
    """Helm refused values; the message is its own."""


@dataclass(frozen=True, slots=True)
class Helm:
    """Helm with a folder of its own; with a kubeconfig it talks to that cluster."""

    folder: Path
    kubeconfig: Path | None = None
    seconds: float = 120  # what a command may take

    def run(self, *arguments: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Return how a command of Helm ended; values are given to it as YAML on standard input."""
        homes = {f"HELM_{name}_HOME": str(self.folder / name) for name in ("CACHE", "CONFIG", "DATA")}
        environment = {**os.environ, **homes, "KUBECONFIG": str(self.kubeconfig or "")}
        given = () if values is None else ("--values=-",)
        return subprocess.run(
            (have("helm"), *arguments, *given),
            input=None if values is None else yaml.safe_dump(dict(values)),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=self.seconds,
        )

    def do(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run a command of Helm, which must succeed; return what it printed."""
        done = self.run(*arguments, values=values)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def template(self, values: Mapping[str, Any], *, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """Return the manifests that values give, that of `helm test` included, or raise ChartRefusedError."""
        return copy.deepcopy(_rendered(self, json.dumps(dict(values)), namespace))


@cache
def _rendered(helm: Helm, values: str, namespace: str) -> list[dict[str, Any]]:
    served = [f"--api-versions={one}" for one in SERVED]
    command = ("template", "nasfleet", str(CHART), f"--namespace={namespace}", *served)
    done = helm.run(*command, values=json.loads(values))
    if done.returncode != 0:
        raise ChartRefusedError(done.stderr)
    return [document for document in yaml.load_all(done.stdout, yaml.CSafeLoader) if document]


def masked(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return manifests to compare: without what is generated elsewhere or at random, and in one order."""
    return sorted(
        map(_masked, manifests), key=lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])
    )


def _masked(manifest: dict[str, Any]) -> dict[str, Any]:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if kind in {"CustomResourceDefinition", "PrometheusRule"} or "dashboard" in name:
        return {"kind": kind, "metadata": manifest["metadata"]}
    if kind == "Secret":
        return manifest | {"data": dict.fromkeys(manifest["data"], "...")}
    if name.endswith("-controller-ca"):
        return manifest | {"data": manifest["data"] | {"ca.crt": "..."}}
    return manifest


def pod_templates(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what has `metadata` and `spec` of a pod: templates of workloads, and pods themselves."""
    for manifest in manifests:
        if manifest["kind"] in {"Deployment", "StatefulSet"}:
            yield manifest["spec"]["template"]
        elif manifest["kind"] == "Pod":
            yield manifest


def leaves(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of the chart by its path: what the schema does not divide further."""
    for key, value in values.items():
        below, name = schema["properties"][key], f"{path}.{key}" if path else key
        if isinstance(value, dict) and "properties" in below and name not in OPEN:
            yield from leaves(value, below, name)
        else:
            yield name, value


def comments(text: str) -> dict[str, str]:
    """Return the comments before the keys of a YAML text, by path."""
    found: dict[str, str] = {}
    keys: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        if comment := re.fullmatch(r" *# (.*)", line):
            said.append(comment[1])
        elif key := re.match(r"( *)([A-Za-z]+):", line):
            keys[len(key[1]) // 2 :] = [key[2]]
            found[".".join(keys)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def main() -> None:
    """Write the golden renderings anew: `PYTHONPATH=tests python -m nasfleet_testing.chart`."""
    folder = ROOT / "tests" / "chart" / "golden"
    for name, values in VALUE_SETS.items():
        text = yaml.safe_dump_all(masked(Helm(Path("/nonexistent")).template(values)), sort_keys=False, width=120)
        (folder / f"{name}.yaml").write_text(text)


if __name__ == "__main__":
    main()
