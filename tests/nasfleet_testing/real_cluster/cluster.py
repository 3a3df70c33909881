"""A whole Kubernetes cluster for tests: a control plane, two real nodes with real containers, DNS."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nasfleet_testing.control_plane import ControlPlane, control_plane
from nasfleet_testing.real_cluster.images import COREDNS
from nasfleet_testing.real_cluster.machines import Machine
from nasfleet_testing.real_cluster.nodes import DNS, HOST, NAMES, PLACES, network, node, reach_services_by

GRACE_SECONDS = 8  # a node that is silent for so long is lost; by default it is 40
_DNS = f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: coredns, namespace: kube-system}}
data:
  Corefile: |
    .:5353 {{
      errors
      ready :8181
      kubernetes cluster.local in-addr.arpa
    }}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: coredns, namespace: kube-system}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: coredns}}
rules:
- {{apiGroups: [""], resources: [services, pods, namespaces], verbs: [list, watch]}}
- {{apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: coredns}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: coredns}}
subjects:
- {{kind: ServiceAccount, name: coredns, namespace: kube-system}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: coredns, namespace: kube-system}}
spec:
  selector: {{matchLabels: {{k8s-app: kube-dns}}}}
  template:
    metadata: {{labels: {{k8s-app: kube-dns}}}}
    spec:
      serviceAccountName: coredns
      dnsPolicy: Default
      containers:
      - name: coredns
        image: {COREDNS}
        imagePullPolicy: Never
        args: [-conf, /etc/coredns/Corefile]
        ports: [{{name: dns, containerPort: 5353, protocol: UDP}}, {{name: dns-tcp, containerPort: 5353, protocol: TCP}}]
        readinessProbe: {{httpGet: {{path: /ready, port: 8181}}, periodSeconds: 1}}
        volumeMounts: [{{name: config, mountPath: /etc/coredns}}]
      volumes: [{{name: config, configMap: {{name: coredns}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: kube-dns, namespace: kube-system}}
spec:
  clusterIP: {DNS}
  selector: {{k8s-app: kube-dns}}
  ports:
  - {{name: dns, port: 53, targetPort: dns, protocol: UDP}}
  - {{name: dns-tcp, port: 53, targetPort: dns-tcp, protocol: TCP}}
"""


@dataclass(slots=True)
class RealCluster:
    """A cluster that runs."""

    plane: ControlPlane
    folder: Path
    images: Sequence[Path]
    machines: dict[str, Machine] = field(default_factory=dict)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self, name: str) -> None:
        """Start a node, or start it again with the disk that it had."""
        [place] = [place for place in PLACES if place.name == name]
        self.machines[name] = self._stack.enter_context(node(place, self.folder / name, self.plane, self.images))

    def fail(self, name: str) -> None:
        """Have a node end as by a loss of power."""
        self.machines.pop(name).kill()
        reach_services_by(next(place for place in PLACES if place.name in self.machines))

    def close(self) -> None:
        """End all nodes."""
        self._stack.close()


@contextlib.contextmanager
def real_cluster(folder: Path, images: Sequence[Path]) -> Iterator[RealCluster]:
    """Have a cluster of two nodes whose pods can run these images, and find each other by name."""
    with network(), control_plane(folder / "plane", host=HOST, nodes=NAMES, node_grace_seconds=GRACE_SECONDS) as plane:
        made = RealCluster(plane, folder, images)
        try:
            for place in PLACES:
                made.start(place.name)
            plane.do("apply", "--filename=-", stdin=_DNS)
            plane.do(
                "create", "clusterrolebinding", "kube-proxy", "--clusterrole=system:node-proxier", "--user=system:kube-proxy"
            )
            plane.do("rollout", "status", "daemonset/coredns", "--namespace=kube-system", "--timeout=120s")
            yield made
        finally:
            made.close()
