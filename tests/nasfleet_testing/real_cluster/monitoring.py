"""A Prometheus in a pod of the real cluster, which the Prometheus operator has made, and which reads PodMonitors and rules."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.neighbours import PROMETHEUS_OPERATOR, install_resources, prometheus_operator
from nasfleet_testing.prometheus import Prometheus
from nasfleet_testing.real_cluster.images import CONFIG_RELOADER, PROMETHEUS
from nasfleet_testing.real_cluster.waiting import until

NAMESPACE, NAME = "monitoring", "watching"
POD = f"prometheus-{NAME}-0"


@contextmanager
def watching(plane: ControlPlane, labels: dict[str, str]) -> Iterator[Prometheus]:
    """Have a Prometheus that selects PodMonitors and rules of all namespaces by these labels."""
    install_resources(plane, PROMETHEUS_OPERATOR)
    place = f"--namespace={NAMESPACE}"
    if plane.kubectl("get", "namespace", NAMESPACE).returncode != 0:
        plane.do("create", "namespace", NAMESPACE)
    plane.do("create", "serviceaccount", NAME, place)
    plane.do("create", "clusterrole", NAME, "--verb=get,list,watch", "--resource=pods")
    plane.do("create", "clusterrolebinding", NAME, f"--clusterrole={NAME}", f"--serviceaccount={NAMESPACE}:{NAME}")
    selected = {"matchLabels": labels}
    spec = {
        "image": PROMETHEUS,
        "imagePullPolicy": "Never",
        "serviceAccountName": NAME,
        "podMonitorSelector": selected,
        "podMonitorNamespaceSelector": {},
        "ruleSelector": selected,
        "ruleNamespaceSelector": {},
    }
    made = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": NAME}, "spec": spec}
    with prometheus_operator(plane, f"--prometheus-config-reloader={CONFIG_RELOADER}"):
        plane.do("create", place, "--filename=-", stdin=json.dumps(made))
        ready = ("wait", "--for=condition=Ready", f"pod/{POD}", place, "--timeout=5s")
        until(lambda: plane.kubectl(*ready).returncode == 0, "a pod of Prometheus that is ready")
        yield Prometheus(plane.do("get", "pod", POD, place, "--output=jsonpath={.status.podIP}") + ":9090")
        plane.do("delete", "prometheus", NAME, place)
        plane.do("wait", "--for=delete", f"pod/{POD}", place, "--timeout=120s")
