"""The Kubernetes programs that the tests of the operator run against: found, or built once from Go modules.

`python tests/cluster/programs.py [--nodes]` has them all ready beforehand, so that no test waits for a compiler. The variables
KUBEBUILDER_ASSETS (a folder) and TEST_ASSET_KUBE_APISERVER and the like (single files) name programs that are there already.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filelock import FileLock

MODULES = Path(__file__).parent / "binaries"


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its name, with the Go module that pins it and the package that it is built from."""

    name: str
    module: str
    package: str


def _by_name(*programs: Program) -> Mapping[str, Program]:
    return {program.name: program for program in programs}


PROGRAMS = _by_name(
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    Program("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    Program("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    Program("port-forwarder", "port-forwarder", "."),
)
# What the chart makes resources for, if it is there: for the tests of the chart.
NEIGHBOURS = _by_name(
    Program("cert-manager", "cert-manager", "."),
    Program("prometheus-operator", "prometheus-operator", "github.com/prometheus-operator/prometheus-operator/cmd/operator"),
    Program("prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),
    Program("promtool", "prometheus", "github.com/prometheus/prometheus/cmd/promtool"),
)
# Of all that Prometheus can discover, pods alone: the rest would take minutes more to build.
TAGS = {"prometheus": "remove_all_sd,enable_kubernetes_sd"}
# What a cluster with real nodes needs besides: `make e2e`.
NODE_PROGRAMS = _by_name(
    Program("coredns", "coredns", "."),
    Program("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy"),
    Program("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
    Program(
        "prometheus-config-reloader",
        "prometheus-operator",
        "github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader",
    ),
)


class MissingProgramError(Exception):
    """A program is neither there nor can it be built; the message says how to have it."""


def have(name: str) -> Path:
    """Return the file of a program, built if need be.

    Raises:
        MissingProgramError: if it is not there and there is no Go to build it with, or building it failed.
    """
    given = _given(name)
    if given is not None:
        return given
    if shutil.which("go") is None:
        raise MissingProgramError(f"no {name}: install Go, or set KUBEBUILDER_ASSETS to a folder that holds it")
    program = {**PROGRAMS, **NEIGHBOURS, **NODE_PROGRAMS}[name]
    file = _cache_folder() / _key(program.module) / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.parent / "lock"):
            if not file.exists():
                _build(program, file)
    return file


def sources(name: str, source: str) -> Path:
    """Return the folder of the module `source`, in the version of which a program is made."""
    module = {**PROGRAMS, **NEIGHBOURS, **NODE_PROGRAMS}[name].module
    return Path(json.loads(_go("mod", "download", "-json", source, module=module))["Dir"])


def _given(name: str) -> Path | None:
    """Return the program that the environment names, as the tests of other operators do."""
    single = os.environ.get(f"TEST_ASSET_{name.upper().replace('-', '_')}")
    if single:
        return Path(single)
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    file = Path(folder, name) if folder else None
    return file if file is not None and file.exists() else None


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nasfleet" / "test-programs"


@cache
def _key(module: str) -> str:
    """Return what the programs of a module are known by: its files, the compiler and the flags."""
    folder = MODULES / module
    digest = hashlib.sha256(repr(_flags(module)).encode())
    digest.update(_go("env", "GOVERSION", "GOOS", "GOARCH", module=module).encode())
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return f"{module}-{digest.hexdigest()[:16]}"


def _flags(module: str) -> list[str]:
    linked = "-s -w"
    version = re.search(r"k8s\.io/kubernetes v((\d+)\.(\d+)\.\S+)", (MODULES / module / "go.mod").read_text())
    if version is not None:
        # Not cosmetic: what the API server serves and how it treats older clients depends on it.
        values = {"gitVersion": f"v{version[1]}", "gitMajor": version[2], "gitMinor": version[3]}
        linked += "".join(f" -X k8s.io/component-base/version.{name}={value}" for name, value in values.items())
        linked += f" -X k8s.io/client-go/pkg/version.gitVersion=v{version[1]}"
    return ["-ldflags", linked, *(["-tags", TAGS[module]] if module in TAGS else [])]


def _build(program: Program, file: Path) -> None:
    """Build a program; it appears only when it is whole."""
    _say(f"building {program.name}: seconds to minutes, once\n")
    start, part = time.monotonic(), file.with_suffix(".part")
    _go("build", *_flags(program.module), "-o", str(part), program.package, module=program.module)
    part.replace(file)
    _say(f"built {program.name} in {time.monotonic() - start:.0f} s, {file.stat().st_size / 1e6:.0f} MB\n")


def _go(*arguments: str, module: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0"}
    command = ("go", *arguments)
    done = subprocess.run(command, cwd=MODULES / module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingProgramError(f"{' '.join(command)} in {module} failed: {done.stderr[-4000:]}")
    return done.stdout


def _say(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


def main() -> int:
    """Have every program, those of nodes too if asked for; without the means this is an error only where CI is set."""
    try:
        for name in {**PROGRAMS, **NEIGHBOURS, **(NODE_PROGRAMS if "--nodes" in sys.argv else {})}:
            have(name)
    except MissingProgramError as missing:
        _say(f"the tests on a real control plane will be skipped: {missing}\n")
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
