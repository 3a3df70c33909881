"""A Kubernetes cluster as kubectl knows it: contexts, credentials and plugins are its business, not ours."""

import contextlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nasfleet.errors import ForbiddenError, InvalidInputError, NasfleetError, NotFoundError, UnavailableError
from nasfleet.names import DEFAULT_AUDIENCE, DEFAULT_NAMESPACE, SearchName
from nasfleet.transport import Trust

DEFAULT_SERVICE = "nasfleet/nasfleet-controller:50051"
SEARCHES = "architecturesearches.nasfleet.dev"
_SERVICE = re.compile(r"(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9-]+):(?P<port>[0-9]+)")
_DELETE_SECONDS = 60  # the operator lets a search go within them even if the controller is away
_NO_SUCH_KIND = "the server doesn't have a resource type"


@dataclass(frozen=True, slots=True)
class Service:
    """Where a cluster's controller is reached."""

    namespace: str
    name: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of NAMESPACE/NAME:PORT, or raise InvalidInputError."""
        parts = _SERVICE.fullmatch(text)
        if parts is None:
            raise InvalidInputError(f"--service is {text!r}: give NAMESPACE/NAME:PORT, for example {DEFAULT_SERVICE}")
        return cls(parts["namespace"], parts["name"], int(parts["port"]))

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by its context in the user's kubeconfig, and its controller by its service.

    Attributes:
        service_account: who to be for the controller, in the context's namespace; empty for nobody.
        answer_seconds: how long a kubectl may take in all, whether the cluster or a plugin for credentials keeps it waiting.
    """

    context: str
    service: Service
    service_account: str = ""
    answer_seconds: float = 30.0

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a kubectl that talks to it."""
        return ["kubectl", "--context", self.context, *arguments]

    def namespace(self) -> str:
        """Return the namespace that the context chooses; raise InvalidInputError if there is no such context."""
        return self._kubectl("config", "view", "--minify", "--output=jsonpath={.contexts[0].context.namespace}") or (
            DEFAULT_NAMESPACE
        )

    @contextlib.contextmanager
    def trust(self) -> Iterator[Trust | None]:
        """Give how its controller is known, which stands in a ConfigMap beside the service, and what to show it.

        None if there is no such ConfigMap: the controller then speaks plain text. It has `ca.crt`, and `audience` if tokens
        have to be for another one than the default.
        """
        service = self.service
        place = ("configmap", f"{service.name}-ca", "--namespace", service.namespace)
        said = json.loads(self._kubectl("get", *place, "--ignore-not-found", "--output=jsonpath={.data}") or "{}")
        if not said.get("ca.crt"):
            if self.service_account:
                raise NotFoundError(
                    f"namespace {service.namespace} has no ConfigMap {service.name}-ca to know its controller by, "
                    "and a token is sent over TLS only: make one, or leave out --service-account where it speaks plain text"
                )
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="nasfleet-") as folder:
            ca, token = Path(folder, "ca.crt"), Path(folder, "token")
            ca.write_text(said["ca.crt"])
            if self.service_account:
                audience = said.get("audience", DEFAULT_AUDIENCE)
                who = (self.service_account, "--namespace", self.namespace(), f"--audience={audience}")
                token.write_text(self._kubectl("create", "token", *who))
            yield Trust(ca, token if self.service_account else None, f"{service.name}.{service.namespace}.svc")

    def declares(self, search: SearchName, uid: str) -> bool:
        """Return whether a search is there as a resource; the controller may have another of that name, with another uid."""
        place = (search.search_id, "--namespace", search.namespace)
        try:
            return self._kubectl("get", SEARCHES, *place, "--ignore-not-found", "--output=jsonpath={.metadata.uid}") == uid
        except NotFoundError:
            return False  # the resources are not installed

    def suspend(self, search: SearchName, uid: str, *, suspend: bool) -> None:
        """Declare that a search is to be suspended, or that it is not."""
        place = (search.search_id, "--namespace", search.namespace)
        patch = json.dumps({"metadata": {"uid": uid}, "spec": {"suspend": suspend}})
        self._kubectl("patch", SEARCHES, *place, "--type=merge", f"--patch={patch}")

    def delete(self, search: SearchName) -> None:
        """Delete a search that is there as a resource, and wait until it is gone."""
        place = (search.search_id, "--namespace", search.namespace)
        self._kubectl("delete", SEARCHES, *place, f"--timeout={_DELETE_SECONDS}s", waits=_DELETE_SECONDS)

    def error(self, said: str) -> NasfleetError:
        """Return the error for what a kubectl said that has failed."""
        lines = [line for line in said.splitlines() if line and not re.match(r"[EIW]\d{4} ", line)]
        last = lines[-1].removeprefix("error: ").removeprefix("Error from server ") if lines else "kubectl said nothing"
        if "context was not found" in last or "cannot locate context" in last:
            return InvalidInputError(
                f"--context is {self.context!r}: kubectl knows no such context; see kubectl config get-contexts"
            )
        if last.startswith(("(NotFound)", _NO_SUCH_KIND)):
            return NotFoundError(f"{last.removeprefix('(NotFound): ')} (context {self.context})")
        if last.startswith("(Forbidden)"):
            return ForbiddenError(f"{last.removeprefix('(Forbidden): ')}: ask for that right, or name another --context")
        return UnavailableError(f"the cluster of context {self.context}: {last}")

    def _kubectl(self, *arguments: str, waits: float = 0.0) -> str:
        """Run kubectl to its end; return what it printed, or raise the error that it tells of."""
        seconds = self.answer_seconds + waits
        try:
            done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False, timeout=seconds)
        except FileNotFoundError:
            raise no_kubectl() from None
        except subprocess.TimeoutExpired:
            raise UnavailableError(
                f"the cluster of context {self.context}: kubectl has not ended after {seconds:g} s; "
                f"try kubectl --context {self.context} get namespaces"
            ) from None
        if done.returncode != 0:
            raise self.error(done.stderr)
        return done.stdout.strip()


def no_kubectl() -> NasfleetError:
    """Return the error for a machine without kubectl."""
    return InvalidInputError("--context needs the program kubectl, which is not installed: install it, or give --controller")
