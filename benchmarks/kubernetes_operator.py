"""What the operator adds to a bare Deployment, and how soon it gets round to two hundred searches: on a real API server.

    python benchmarks/kubernetes_operator.py               # all parts: about twenty minutes
    python benchmarks/kubernetes_operator.py scale         # or one of them

It needs Go, or KUBEBUILDER_ASSETS, for the programs of Kubernetes (tests/cluster/programs.py). Nodes and pods are kwok's: they
take no time of their own, so that what is left is what the control plane and the operator take. Its name is not operator.py,
since a module of that name beside these programs would shadow the standard library's.
"""

import argparse
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from prometheus_client.parser import text_string_to_metric_families
from running import Controller, controller, machine
from waiting_trainers import waiting_trainers

from cluster.programs import PROGRAMS, have
from nasfleet_testing.control_plane import ControlPlane, control_plane
from nasfleet_testing.fake_nodes import FakeNodes, faking_nodes
from nasfleet_testing.operators import API_VERSION, RunningOperator, operator

REPEATS = 5
NODES = 200
STEPS = (1000, 100, 0)
HALF = STEPS[0] // 2
SETTLE_SECONDS = 5.0  # by then the operator has asked the controller who is busy
TIMEOUT_SECONDS = 300.0
SEARCHES, POOLS = 200, 20
MANIFESTS = Path(__file__).parents[1] / "operator" / "manifests" / "crds"
NAMESPACE = "benchmark"
POOL_OBJECT, BARE, GUARDED = "gpu-trainers", "bare", "guarded"
TITLES = {POOL_OBJECT: "pool", GUARDED: "Deployment with the pool's budget", BARE: "bare Deployment"}
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A control plane with an operator, and what is asked of both."""

    plane: ControlPlane
    controller: Controller
    operator: RunningOperator
    make_nodes: FakeNodes

    def ready(self, name: str) -> int:
        """Return how many pods of a Deployment are ready."""
        found = self._get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")
        return int(found["status"].get("readyReplicas", 0))

    def pods(self) -> int:
        """Return how many pods are there, those that go included; the API server counts them without sending them."""
        found = self._get(f"/api/v1/namespaces/{NAMESPACE}/pods?limit=1")
        return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))

    def _get(self, path: str) -> Any:
        trusted = ssl.create_default_context(cafile=str(self.plane.folder / "pki" / "ca.crt"))
        headers = {"Authorization": f"Bearer {self.plane.tokens['admin']}"}
        request = urllib.request.Request(f"https://{self.plane.address}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=60, context=trusted) as answer:
            return json.load(answer)

    def pod_names(self) -> frozenset[str]:
        """Return the names of the pods that are there."""
        return frozenset(one["metadata"]["name"] for one in self._get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"])

    def busy(self) -> frozenset[str]:
        """Return the names of the trainers that are at work."""
        return frozenset(one.trainer for one in self.controller.client.get_fleet().trainers if one.trials)

    def truly_told(self) -> frozenset[str]:
        """Return the names of the searches and pools whose status is that of what is declared now."""
        found = [
            one
            for plural in ("architecturesearches", "trainerpools")
            for one in self._get(f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{plural}")["items"]
        ]
        told = [one for one in found if one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"]]
        return frozenset(one["metadata"]["name"] for one in told)

    def metrics(self) -> Mapping[str, float]:
        """Return the operator's metrics: sums over all outcomes."""
        with urllib.request.urlopen(f"http://{self.operator.metrics}/metrics", timeout=10) as page:
            families = list(text_string_to_metric_families(page.read().decode()))
        sums: dict[str, float] = {}
        for sample in (sample for family in families for sample in family.samples):
            kept = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()) if key != "outcome")
            name = f"{sample.name}{{{kept}}}"
            sums[name] = sums.get(name, 0.0) + sample.value
        return sums


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run everything anew: control plane, controller, operator, kwok."""
    with tempfile.TemporaryDirectory(prefix="nasfleet-benchmark-") as folder, control_plane(Path(folder) / "plane") as plane:
        for file in sorted(MANIFESTS.glob("*.yaml")):
            plane.do("apply", "--server-side", "--filename", str(file))
        plane.do("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        plane.do("create", "namespace", NAMESPACE)
        plane.do("create", "serviceaccount", "nasfleet-trainer", "--namespace", NAMESPACE)
        log = Path(folder) / "operator.log"
        with (
            controller() as served,
            operator(plane, plane.kubeconfig, served.address, log) as running,
            faking_nodes(plane) as nodes,
        ):
            yield Cluster(plane, served, running, nodes)


def timed(wanted: Callable[[], bool], every: float = 0.1) -> float:
    """Return the seconds until something holds; that it never does is an error."""
    began = time.monotonic()
    while not wanted():
        if time.monotonic() - began > TIMEOUT_SECONDS:
            raise TimeoutError(f"waited {TIMEOUT_SECONDS:.0f} s in vain")
        time.sleep(every)
    return time.monotonic() - began


def pool(name: str, **spec: Any) -> str:
    """Return the document of a pool."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return json.dumps({"apiVersion": API_VERSION, "kind": "TrainerPool", "metadata": metadata, "spec": spec})


def search(name: str, **changes: Any) -> str:
    """Return the document of a search that trains nothing."""
    spec = {
        "searchSpace": {"convChain": {"layers": 3}},
        "strategy": {"random": {}},
        "task": {"synthetic": {}},
        "budget": {"trials": 1000},
        **changes,
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return json.dumps({"apiVersion": API_VERSION, "kind": "ArchitectureSearch", "metadata": metadata, "spec": spec})


def bare_deployment(plane: ControlPlane, name: str) -> str:
    """Return the pool's Deployment as one that nobody looks after, under another name; its pods have as many labels."""
    made = _made(plane, "deployment")
    labels = {"benchmark": name}
    others = made["spec"]["template"]["metadata"]["labels"]
    mine = labels | {key: value for key, value in others.items() if key not in made["spec"]["selector"]["matchLabels"]}
    made["spec"] |= {"replicas": 0, "selector": {"matchLabels": labels}}
    made["spec"]["template"]["metadata"] = {"labels": mine}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": made["spec"]})


def budget(plane: ControlPlane, name: str) -> str:
    """Return the pool's PodDisruptionBudget for the pods of such a Deployment."""
    spec = _made(plane, "poddisruptionbudget")["spec"] | {"selector": {"matchLabels": {"benchmark": name}}}
    metadata = {"name": name, "namespace": NAMESPACE}
    return json.dumps({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec})


def _made(plane: ControlPlane, kind: str) -> Any:
    return json.loads(plane.do("get", kind, POOL_OBJECT, "--namespace", NAMESPACE, "-o", "json"))


def scale() -> Iterator[Figures]:
    """Scale a pool and Deployments of the same pods, bare and with the same budget, over the same nodes; yield each round.

    Each round begins with another one of them.
    """
    with cluster() as here:
        here.make_nodes(NODES, gpus=8)
        here.plane.do("apply", "--filename=-", stdin=pool("gpu", replicas=0))
        timed(lambda: here.plane.kubectl("get", "deployment", POOL_OBJECT, "--namespace", NAMESPACE).returncode == 0)
        for document in (*(bare_deployment(here.plane, name) for name in (BARE, GUARDED)), budget(here.plane, GUARDED)):
            here.plane.do("apply", "--filename=-", stdin=document)
        contenders = [*TITLES]
        while True:
            rounds = {name: _scaled(here, name) for name in contenders}
            contenders = [*contenders[1:], contenders[0]]
            yield {figure: value for name in TITLES for figure, value in rounds[name].items()}


def _scaled(here: Cluster, name: str) -> Figures:
    """Take the pool or a Deployment through the sizes; return the seconds of each and of all, and what the operator did."""
    title = TITLES[name]
    before, figures, came_from = here.metrics(), Figures(), 0
    for step in STEPS:
        figures[f"{title}, {came_from} to {step}: s"] = _scale(here, name, step)
        came_from = step
    figures[f"{title}, all: s"] = sum(figures.values())
    return figures | _work(before, here) if name == POOL_OBJECT else figures


def _scale(here: Cluster, name: str, size: int) -> float:
    """Scale the pool, or a Deployment, as a user does; return the seconds until there are so many pods, all ready."""
    scaled = "trainerpool/gpu" if name == POOL_OBJECT else f"deployment/{name}"
    here.plane.do("scale", scaled, f"--replicas={size}", "--namespace", NAMESPACE)
    return timed(partial(_is, here, name, size))


def _is(here: Cluster, name: str, wanted: int) -> bool:
    return here.ready(name) == wanted and here.pods() == wanted


def _work(before: Mapping[str, float], here: Cluster) -> Figures:
    """Return what the operator did since."""
    after = here.metrics()

    def grown(name: str, labels: str = "") -> float:
        return sum(value - before.get(key, 0.0) for key, value in after.items() if key.startswith(name) and labels in key)

    passes = grown("nasfleet_operator_reconcile_seconds_count")
    costs = grown("nasfleet_operator_api_calls_total", "resource=pods,verb=patch")
    calls = grown("nasfleet_operator_api_calls_total") - costs
    return {
        "passes": passes,
        "deletion costs": costs,
        "API calls besides": calls,
        "API calls per pass": calls / passes,
        "operator's processor time: s": after["process_cpu_seconds_total{}"] - before["process_cpu_seconds_total{}"],
        "operator's memory, MB": after["process_resident_memory_bytes{}"] / 1e6,
    }


def spare() -> Iterator[Figures]:
    """Halve a pool of which half is at work, and a bare Deployment of the same pods; yield each round."""
    with cluster() as here:
        here.make_nodes(NODES, gpus=8)
        here.plane.do("apply", "--filename=-", stdin=pool("gpu", replicas=0))
        timed(lambda: here.plane.kubectl("get", "deployment", POOL_OBJECT, "--namespace", NAMESPACE).returncode == 0)
        here.plane.do("apply", "--filename=-", stdin=bare_deployment(here.plane, BARE))
        while True:
            _scale(here, BARE, STEPS[0])
            figures = {"bare Deployment, halved: s": _scale(here, BARE, HALF)}
            _scale(here, BARE, 0)
            _scale(here, POOL_OBJECT, STEPS[0])
            with waiting_trainers(here.controller.address, f"namespaces/{NAMESPACE}/pools/gpu", here.pod_names()):
                here.plane.do(
                    "apply",
                    "--filename=-",
                    stdin=search("busy", parallelism=HALF, task={"synthetic": {"epochSeconds": 36_000}}),
                )
                timed(lambda: len(here.busy()) == HALF)
                time.sleep(SETTLE_SECONDS)
                before, at_work = here.metrics(), here.busy()
                figures["pool, halved: s"] = _scale(here, POOL_OBJECT, HALF)
                figures["busy trainers that went"] = len(at_work - here.pod_names())
                figures |= _work(before, here)
                here.plane.do("delete", "nas/busy", "--namespace", NAMESPACE)
                _scale(here, POOL_OBJECT, 0)
            yield figures


def many() -> Iterator[Figures]:
    """Declare two hundred searches and twenty pools in one go; yield how long each took to be seen to."""
    while True:
        with cluster() as here:
            before = here.metrics()
            documents = [search(f"search-{number}") for number in range(SEARCHES)]
            documents += [pool(f"pool-{number}", replicas=0) for number in range(POOLS)]
            began = time.monotonic()
            here.plane.do("apply", "--filename=-", stdin="\n---\n".join(documents))
            applied = time.monotonic() - began
            timed(lambda here=here: len(here.truly_told()) == SEARCHES + POOLS)  # type: ignore[misc]
            yield {
                "kubectl apply of all: s": applied,
                "until every status is true, from the beginning: s": time.monotonic() - began,
                "a pass over a search, p99 at most: s": _quantile(before, here.metrics(), "kind=ArchitectureSearch"),
                "a pass over a pool, p99 at most: s": _quantile(before, here.metrics(), "kind=TrainerPool"),
            } | _work(before, here)


def _quantile(before: Mapping[str, float], after: Mapping[str, float], label: str) -> float:
    """Return the upper bound of the bucket in which the 99th percentile of the passes lies."""
    prefix = f"nasfleet_operator_reconcile_seconds_bucket{{{label},le="
    buckets = {
        float(key.removeprefix(prefix).removesuffix("}")): value - before.get(key, 0.0)
        for key, value in after.items()
        if key.startswith(prefix)
    }
    return min(bound for bound, passes in buckets.items() if passes >= 0.99 * buckets[float("inf")])


PARTS: dict[str, tuple[str, Callable[[], Iterator[Figures]]]] = {
    "scale": (f"one pool over {NODES} fake nodes beside Deployments of the same pods, bare and with the same budget", scale),
    "spare": (f"a pool and a bare Deployment of {STEPS[0]} halved, with half of the pool's trainers at work", spare),
    "many": (f"{SEARCHES} searches and {POOLS} pools at once", many),
}


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is given")
    parser.add_argument("--repeat", type=int, default=REPEATS, help=f"rounds of each part [{REPEATS}]")
    given = parser.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; give some of {', '.join(PARTS)}")
    for name in PROGRAMS:
        have(name)
    print(f"{machine()}; medians of {given.repeat}", flush=True)
    for name in given.parts or PARTS:
        title, measure = PARTS[name]
        loads, rounds = [], []
        measuring = measure()
        for _ in range(given.repeat):
            loads.append(os.getloadavg()[0])
            rounds.append(next(measuring))
        measuring.close()  # type: ignore[attr-defined]  # a generator, which ends what it has started
        print(f"{title} (load of the machine before: {min(loads):.1f} to {max(loads):.1f})")
        for figure in rounds[0]:
            values = [one[figure] for one in rounds]
            print(f"  {figure}: {statistics.median(values):.2f}  ({min(values):.2f} to {max(values):.2f})", flush=True)


if __name__ == "__main__":
    main()
