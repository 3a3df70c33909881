"""The chart as Helm installs, upgrades and removes it on a control plane, and what it leaves there."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasfleet_testing.chart import CHART, Helm
from nasfleet_testing.control_plane import ControlPlane

CRDS = ("architecturesearches.nasfleet.dev", "trainerpools.nasfleet.dev")
OURS_ARE_THERE = {"install": False}


class Release:
    """A release that Helm has installed in a namespace."""

    def __init__(self, helm: Helm, plane: ControlPlane, namespace: str) -> None:
        self._helm = helm
        self._plane = plane
        self.namespace = namespace

    def install(self, **values: Any) -> str:
        """Install it; return what Helm says next."""
        return self._helm.do("install", "nasfleet", str(CHART), f"--namespace={self.namespace}", values=values)

    def upgrade(self, **values: Any) -> str:
        """Upgrade it, to these values and no others."""
        return self._helm.do("upgrade", "nasfleet", str(CHART), f"--namespace={self.namespace}", values=values)

    def uninstall(self) -> str:
        """Remove it."""
        return self._helm.do("uninstall", "nasfleet", f"--namespace={self.namespace}", "--wait=hookOnly")

    def installed(self) -> bool:
        """Return whether Helm knows it."""
        return "nasfleet" in self._helm.do("list", "--short", f"--namespace={self.namespace}")

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object of its namespace."""
        found: dict[str, Any] = json.loads(self._plane.do("get", kind, name, f"--namespace={self.namespace}", "--output=json"))
        return found

    def names(self, kind: str) -> list[str]:
        """Return the names of all objects of a kind there."""
        said = self._plane.do("get", kind, f"--namespace={self.namespace}", "--output=name", "--ignore-not-found")
        return [line.partition("/")[2] for line in said.splitlines()]


def values(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """Return what a Secret holds."""
    return {key: base64.b64decode(value) for key, value in secret["data"].items()}


def write_files(secret: Mapping[str, Any], folder: Path) -> None:
    """Write what a Secret holds into files."""
    for key, value in values(secret).items():
        (folder / key).write_bytes(value)
