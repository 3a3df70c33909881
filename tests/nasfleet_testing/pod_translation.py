"""What a pod's container is told, translated for a process that has no network and no file system of its own.

On one machine every pod needs ports of its own. A port that the container declares is given a free one of the machine, and
wherever the container is told the declared one, alone or as HOST:PORT, it is told the free one. Likewise with the paths of
volumes: what starts with a mount's path starts with its folder on this machine. Services have no addresses here: where one
leads, as HOST:PORT, is said by whoever makes the node.
"""

import math
import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.utils.quantity import parse_quantity

Raw = Mapping[str, Any]
_LABEL = re.compile(r"metadata\.labels\['(.+)'\]")


@dataclass(frozen=True, slots=True)
class Translation:
    """Where a pod's ports, its mounts and the services that it is told of are on this machine."""

    ports: Mapping[int, int]
    mounts: Mapping[str, Path]
    services: Mapping[str, str]

    def local(self, told: str) -> str:
        """Return a value as it must be on this machine."""
        if told in self.services:
            return self.services[told]
        host, colon, port = told.rpartition(":")
        if port.isdecimal() and int(port) in self.ports:
            return f"{host}{colon}{self.ports[int(port)]}"
        for path, folder in self.mounts.items():
            if told == path or told.startswith(f"{path}/"):
                return f"{folder}{told.removeprefix(path)}"
        return told

    def command(self, container: Raw) -> list[str]:
        """Return the command line of a container."""
        return [self.local(part) for part in (*container["command"], *container.get("args", ()))]

    def environment(self, pod: Raw, container: Raw) -> dict[str, str]:
        """Return all variables of a container; it finds the programs of this Python's environment first."""
        told = {entry["name"]: _value(entry, pod, container) for entry in container.get("env", ())}
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        return {"PATH": path} | {name: self.local(value) for name, value in told.items()}


def translation(container: Raw, volumes: Mapping[str, Path], services: Mapping[str, str]) -> Translation:
    """Return the translation for a container, with free ports for those that it declares."""
    ports = {entry["containerPort"]: _free_port() for entry in container.get("ports", ())}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container.get("volumeMounts", ())}
    return Translation(ports, mounts, services)


def port_of(container: Raw, port: int | str) -> int:
    """Return the number of a port that is given by number or by name."""
    if isinstance(port, int):
        return port
    return next(entry["containerPort"] for entry in container["ports"] if entry.get("name") == port)


def _value(entry: Raw, pod: Raw, container: Raw) -> str:
    if "valueFrom" not in entry:
        return entry.get("value", "")
    source = entry["valueFrom"]
    if "resourceFieldRef" in source:
        return _resource(source["resourceFieldRef"], container)
    path = source["fieldRef"]["fieldPath"]
    label = _LABEL.fullmatch(path)
    if label is not None:
        return pod["metadata"]["labels"].get(label[1], "")
    if path == "status.podIP":
        return "127.0.0.1"
    part, _, field = path.partition(".")
    return pod[part][field]


def _resource(reference: Raw, container: Raw) -> str:
    """Return what a container requests or is limited to, in units of the divisor, rounded up as a kubelet does."""
    which, _, resource = reference["resource"].partition(".")
    asked = container.get("resources", {}).get(which, {}).get(resource, "0")
    return str(math.ceil(parse_quantity(asked) / (parse_quantity(reference.get("divisor", "0")) or 1)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
