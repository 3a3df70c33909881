"""nasfleet as its chart installs it on a real cluster, and what users do with it from outside."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nasfleet.client import Client
from nasfleet.transport import Trust
from nasfleet_testing.chart import CHART, NAMESPACE, Helm
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.pages import ROOT
from nasfleet_testing.real_cluster.images import REGISTRY
from nasfleet_testing.real_cluster.nodes import NODES

_VOLUME = """\
apiVersion: v1
kind: PersistentVolume
metadata: {{name: state}}
spec:
  capacity: {{storage: 10Gi}}
  accessModes: [ReadWriteOnce]
  storageClassName: everywhere
  persistentVolumeReclaimPolicy: Retain
  hostPath: {{path: {folder}, type: Directory}}
"""


@dataclass(frozen=True, slots=True)
class RunningRelease:
    """A release of the chart, in a namespace that holds pods to the restricted level."""

    plane: ControlPlane
    folder: Path

    def prepare(self) -> None:
        """Make the namespace, and the volume that the controller's claim is bound to, which both nodes can reach."""
        self.plane.do("create", "namespace", NAMESPACE)
        self.plane.do("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        state = self.folder / "state"
        state.mkdir(parents=True)
        state.chmod(0o777)
        self.plane.do("apply", "--filename=-", stdin=_VOLUME.format(folder=state))

    def helm(self, *arguments: str) -> str:
        """Run Helm, which must succeed; return what it printed."""
        return Helm(self.folder, self.plane.kubeconfig, seconds=600).do(*arguments, "--namespace", NAMESPACE)

    def install(self, tag: str, verb: str = "install", **more: Any) -> None:
        """Install the chart, or upgrade to another tag, with more values, and wait until all is ready."""
        file = self.folder / f"values-{tag}.yaml"
        values: Mapping[str, Any] = {
            "image": {"registry": REGISTRY, "tag": tag, "pullPolicy": "Never"},
            "networkPolicy": {
                # Who comes from outside through a Service comes with the address of a node.
                "clients": [{"ipBlock": {"cidr": NODES}}],
                "dns": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
                "apiServerPorts": [int(self.plane.address.rpartition(":")[2])],
            },
            "controller": {
                "tolerations": QUICK,
                "persistence": {"size": "10Gi", "storageClassName": "everywhere"},
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "4Gi"}},
            },
        }
        file.write_text(yaml.safe_dump({**values, **more}))
        self.helm(verb, NAMESPACE, str(CHART), "--values", str(file), "--wait", "--timeout", "5m")

    def apply(self, document: Mapping[str, Any]) -> None:
        """Apply a resource as users do."""
        self.plane.do("apply", "--namespace", NAMESPACE, "--filename=-", stdin=json.dumps(document))

    def pool(self, name: str, **spec: Any) -> None:
        """Declare a pool of trainers on fake GPUs, which train on processors all the same."""
        trainer = {"name": "trainer", "imagePullPolicy": "Never", "env": [{"name": "NASFLEET_DEVICE", "value": "cpu"}]}
        small = {"cpu": "100m", "memory": "512Mi", "gpus": 1, "gracePeriodSeconds": 5}
        template = {"spec": {"containers": [trainer], "tolerations": QUICK}}
        made = {"apiVersion": "nasfleet.dev/v1alpha1", "kind": "TrainerPool", "metadata": {"name": name}}
        self.apply(made | {"spec": small | {"template": template} | spec})

    def example(self, file: str, name: str, **changes: Any) -> str:
        """Declare a search from the examples under another name, with some of its fields changed; return its full name."""
        document = yaml.safe_load((ROOT / "examples" / file).read_text())
        document["metadata"]["name"] = name
        document["spec"] |= changes
        self.apply(document)
        return f"namespaces/{NAMESPACE}/searches/{name}"

    def pods(self, component: str) -> list[dict[str, Any]]:
        """Return the pods of a component, those that go included."""
        found = self.plane.do(
            "get", "pods", "--namespace", NAMESPACE, f"--selector=app.kubernetes.io/component={component}", "--output=json"
        )
        return list(json.loads(found)["items"])

    def tags(self, component: str) -> set[str]:
        """Return the tags of the images that the pods of a component run."""
        return {pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in self.pods(component)}

    def kill(self, component: str) -> None:
        """Have the pods of a component end at once."""
        chosen = f"--selector=app.kubernetes.io/component={component}"
        self.plane.do("delete", "pod", "--namespace", NAMESPACE, chosen, "--grace-period=0", "--force")

    def runner(self, namespace: str, name: str) -> None:
        """Have a pod of somebody else, which waits for commands, and for whoever takes it for a name server."""
        container = {"name": "main", "image": f"{REGISTRY}/nasfleet/trainer:1", "imagePullPolicy": "Never"}
        container |= {"command": ["python3", "-m", "http.server", "5353"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}}
        self.plane.do("create", "--filename=-", stdin=json.dumps(pod | {"spec": {"containers": [container]}}))
        self.plane.do("wait", "--for=condition=Ready", f"pod/{name}", "--namespace", namespace, "--timeout=120s")

    def connects(self, namespace: str, pod: str, host: str, port: int) -> bool:
        """Return whether a program in a pod can connect."""
        code = f"import socket; socket.create_connection(({host!r}, {port}), 3)"
        command = ("exec", pod, "--namespace", namespace, "--", "python3", "-c", code)
        return self.plane.kubectl(*command).returncode == 0

    def node_of(self, component: str) -> str:
        """Return the node on which the only pod of a component runs."""
        [pod] = self.pods(component)
        return str(pod["spec"]["nodeName"])

    def client(self, account: str = "researcher", token: str = "") -> Client:
        """Return a client from outside: over TLS, at the Service's address, with a token of a service account, or with this."""
        said = json.loads(self._get("configmap", "nasfleet-controller-ca", "{.data}"))
        address = self._get("service", "nasfleet-controller", "{.spec.clusterIP}")
        ca, file = self.folder / "ca.crt", self.folder / f"token-{account}"
        ca.write_text(said["ca.crt"])
        audience = f"--audience={said['audience']}"
        file.write_text(token or self.plane.do("create", "token", account, "--namespace", NAMESPACE, audience))
        return Client(f"{address}:50051", Trust(ca, file, f"nasfleet-controller.{NAMESPACE}.svc"), timeout=5.0)

    def _get(self, kind: str, name: str, path: str) -> str:
        return self.plane.do("get", kind, name, "--namespace", NAMESPACE, f"--output=jsonpath={path}")


# Pods leave a lost node in seconds, not after five minutes.
QUICK = [
    {"key": f"node.kubernetes.io/{reason}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}
    for reason in ("unreachable", "not-ready")
]
