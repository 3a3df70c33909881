"""Real nodes: containerd, kubelet and kube-proxy in a machine each, on one bridge with the control plane.

What these programs want inside namespaces is in the comments; addresses are private to the network namespace of the tests.
"""

import contextlib
import json
import secrets
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster.programs import have
from nasfleet_testing.control_plane import SERVICE_RANGE, ControlPlane
from nasfleet_testing.processes import eventually
from nasfleet_testing.real_cluster.machines import Machine, machine

BRIDGE = "br0"
NODES, HOST = "10.250.0.0/24", "10.250.0.1"
DNS = "10.96.0.10"
PODS = "10.244.0.0/16"
PAUSE = "nf.local/pause:1"
PACKAGES = "/packages"
"""Where containers find the packages of the Python that runs the tests, read-only; in an image they would be gigabytes."""
CNI = Path("/usr/lib/cni")
START_SECONDS = 180.0  # on two cores that run everything else as well
NAMES = ("node1", "node2")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is in the network."""

    name: str
    number: int

    @property
    def address(self) -> str:
        """The node's own address."""
        return f"10.250.0.{10 + self.number}"

    @property
    def pods(self) -> str:
        """The range of its pods' addresses."""
        return f"10.244.{self.number}.0/24"


PLACES = tuple(Place(name, number) for number, name in enumerate(NAMES, 1))


def packages() -> Path:
    """Return the folder in which this Python has its packages."""
    return Path(sysconfig.get_paths()["purelib"])


@contextlib.contextmanager
def network() -> Iterator[None]:
    """Have the bridge, with the tests' own end of it; it goes with their network namespace."""
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{HOST}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for place in PLACES:
        _ip("route", "add", place.pods, "via", place.address)
    reach_services_by(PLACES[0])
    try:
        yield
    finally:
        _ip("link", "del", BRIDGE)


def reach_services_by(place: Place) -> None:
    """Have whoever is outside reach Services by this node, as a load balancer that knows which ones live."""
    _ip("route", "replace", SERVICE_RANGE, "via", place.address)


@contextlib.contextmanager
def node(place: Place, folder: Path, plane: ControlPlane, images: Sequence[Path]) -> Iterator[Machine]:
    """Have a node that is Ready; over a folder of before, the node of before with its images."""
    with machine(place.name, folder, f"nasfleet-{secrets.token_hex(4)}-{place.name}") as made:
        _connect(made, place)
        _start_containerd(made, place, images)
        _start_kubelet(made, place, plane)
        made.start("kube-proxy", str(have("kube-proxy")), f"--config={_kube_proxy_config(made, place, plane)}")
        _wait_until_ready(made, plane)
        yield made


def _wait_until_ready(made: Machine, plane: ControlPlane) -> None:
    ready = ("get", "node", made.name, "--output=jsonpath={.status.conditions[?(@.type=='Ready')]}")

    def is_ready() -> bool:
        for name, program in made.programs.items():
            assert program.poll() is None, f"{made.name}: {name} ended: {made.log(name)[-4000:]}"
        return '"status":"True"' in plane.kubectl(*ready).stdout

    try:
        eventually(is_ready, f"{made.name} that is Ready", within=START_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{plane.kubectl(*ready).stdout}\n{made.log('kubelet')[-8000:]}") from None


def _ip(*words: str) -> None:
    done = subprocess.run(("ip", *words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


def _connect(made: Machine, place: Place) -> None:
    _ip("link", "add", f"v-{place.name}", "type", "veth", "peer", "name", "eth0", "netns", str(made.init))
    _ip("link", "set", f"v-{place.name}", "master", BRIDGE, "up")
    made.do("ip", "addr", "add", f"{place.address}/24", "dev", "eth0")
    made.do("ip", "link", "set", "eth0", "up")
    for other in PLACES:
        if other.name != place.name:
            made.do("ip", "route", "add", other.pods, "via", other.address)
    # Without a route a process of the node itself is refused before its packet could be turned to a pod.
    made.do("ip", "route", "add", SERVICE_RANGE, "dev", "eth0")
    made.do("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def _start_containerd(made: Machine, place: Place, images: Sequence[Path]) -> None:
    config = made.folder / "containerd.toml"
    spec = made.folder / "spec.json"
    spec.write_text(_base_specification())
    config.write_text(_CONTAINERD.format(cni=CNI, configurations=made.folder / "cni", pause=PAUSE, spec=spec))
    (made.folder / "cni").mkdir(exist_ok=True)
    bridge = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isDefaultGateway": True,
                "ipMasq": False,  # policies need to see who it is
                "hairpinMode": True,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": place.pods}]], "dataDir": "/run/cni"},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    (made.folder / "cni" / "10-pods.conflist").write_text(json.dumps(bridge))
    containerd = shutil.which("containerd")
    assert containerd, "containerd is not installed"
    made.start("containerd", containerd, "--config", str(config))
    eventually(lambda: _answers(made), f"containerd of {place.name}", within=START_SECONDS)
    there = made.do("ctr", "--namespace", "k8s.io", "images", "ls", "--quiet")
    for image in images:
        if image.stem not in there:
            made.do("ctr", "--namespace", "k8s.io", "images", "import", str(image))


def _base_specification() -> str:
    """Return what every container begins with: what any has, and the packages."""
    made = subprocess.run(("ctr", "oci", "spec"), capture_output=True, text=True, check=True)
    specification = json.loads(made.stdout)
    mount = {"destination": PACKAGES, "type": "bind", "source": str(packages()), "options": ["rbind", "ro"]}
    specification["mounts"].append(mount)
    return json.dumps(specification)


def _answers(made: Machine) -> bool:
    assert made.programs["containerd"].poll() is None, made.log("containerd")[-4000:]
    try:
        made.do("ctr", "version")
    except AssertionError:
        return False
    return True


def _start_kubelet(made: Machine, place: Place, plane: ControlPlane) -> None:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": place.address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(plane.folder / "pki" / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{made.group}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
        "nodeLeaseDurationSeconds": 4,
        "serializeImagePulls": False,
    }
    file = made.folder / "kubelet.yaml"
    file.write_text(yaml.safe_dump(config))
    kubeconfig = plane.user(f"system:node:{place.name}")
    flags = (
        f"--config={file}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={place.name}",
        f"--node-ip={place.address}",
    )
    made.start("kubelet", str(have("kubelet")), *flags)


def _kube_proxy_config(made: Machine, place: Place, plane: ControlPlane) -> Path:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "detectLocalMode": "ClusterCIDR",
        "clusterCIDR": PODS,
        "hostnameOverride": place.name,
        "clientConnection": {"kubeconfig": str(plane.user("system:kube-proxy"))},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    file = made.folder / "kube-proxy.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


# Without the right to lower an oom score no pod starts unless the score is left as it is.
_CONTAINERD = """\
version = 2
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{cni}"
conf_dir = "{configurations}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
base_runtime_spec = "{spec}"
"""
