"""The operator as a program on a control plane, and what tests of it ask of the resources."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.processes import Process, eventually, program
from nasfleet_testing.programs import free_address

API_VERSION = "nasfleet.dev/v1alpha1"


@dataclass(frozen=True, slots=True)
class RunningOperator:
    """An operator that serves."""

    process: Process
    metrics: str
    liveness: str


@contextmanager
def operator(
    control_plane: ControlPlane, kubeconfig: Path, controller: str, log: Path, *flags: str
) -> Iterator[RunningOperator]:
    """Run the operator under the identity of a kubeconfig; it has seen everything once when it is there."""
    command = (sys.executable, "-m", "nasfleet_operator", "--kubeconfig", str(kubeconfig), "--controller", controller)
    metrics, liveness = free_address(), free_address()
    told = ("--trainer-image", "nasfleet-trainer:test", "--metrics", metrics, "--liveness", liveness)
    with program((*command, *told, *flags), log) as process:
        assert process.line(), f"the operator did not start: {process.log}"
        yield RunningOperator(process, metrics, liveness)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of a control plane, as its users see it."""

    control_plane: ControlPlane
    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in it, which must succeed."""
        return self.control_plane.do(*arguments, "--namespace", self.name, stdin=stdin)

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Apply documents as a user does."""
        self.kubectl("apply", "--filename=-", stdin="\n---\n".join(map(json.dumps, documents)))

    def get(self, kind: str, name: str = "", *flags: str) -> Any:
        """Return an object, or the items of a list; None if it is not there."""
        return_code = self.control_plane.kubectl(
            "get", kind, *filter(None, [name]), "--namespace", self.name, "-o", "json", *flags
        )
        if return_code.returncode != 0 and "NotFound" in return_code.stderr:
            return None
        assert return_code.returncode == 0, return_code.stderr
        found = json.loads(return_code.stdout)
        return found if name else found["items"]

    def pods(self) -> Sequence[Mapping[str, Any]]:
        """Return the pods that are not going."""
        return [pod for pod in self.get("pods") if "deletionTimestamp" not in pod["metadata"]]

    def condition(self, kind: str, name: str, type_: str) -> Mapping[str, Any]:
        """Return a condition of a resource; empty if it has none of the type."""
        found = self.get(kind, name) or {}
        conditions = found.get("status", {}).get("conditions", ())
        return next((one for one in conditions if one["type"] == type_), {})

    def eventually_status(self, kind: str, name: str, **wanted: Any) -> None:
        """Wait until fields of a status have these values."""

        def agrees() -> bool:
            status = (self.get(kind, name) or {}).get("status", {})
            return all(status.get(field) == value for field, value in wanted.items())

        try:
            eventually(agrees, f"{kind} {name} with {wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(self.get(kind, name), indent=1)}") from error

    def eventually_condition(self, kind: str, name: str, type_: str, status: str, reason: str = "") -> Mapping[str, Any]:
        """Wait until a condition has this status, and this reason if one is given; return it."""

        def agrees() -> bool:
            condition = self.condition(kind, name, type_)
            return condition.get("status") == status and reason in {"", condition["reason"]}

        try:
            eventually(agrees, f"{kind} {name} with {type_}={status} {reason}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(self.get(kind, name).get('status'), indent=1)}") from error
        return self.condition(kind, name, type_)


def pool(name: str, labels: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return the document of a pool."""
    metadata = {"name": name, "labels": dict(labels or {})}
    return {"apiVersion": API_VERSION, "kind": "TrainerPool", "metadata": metadata, "spec": spec}


def search(name: str, **changes: Any) -> dict[str, Any]:
    """Return the document of a search that trains nothing."""
    spec: dict[str, Any] = {
        "searchSpace": {"convChain": {"layers": 3}},
        "strategy": {"random": {}},
        "task": {"synthetic": {}},
        "budget": {"trials": 20},
        "parallelism": 4,
    }
    return {"apiVersion": API_VERSION, "kind": "ArchitectureSearch", "metadata": {"name": name}, "spec": spec | changes}
