"""The kinds of object that the operator looks at, and where the API server has them."""

from dataclasses import dataclass

from nasfleet_operator.plan import Identity

API_VERSION = "nasfleet.dev/v1alpha1"
POOL_LABEL = "nasfleet.dev/pool"
MANAGER = "nasfleet-operator"
"""Who manages fields, and objects by their label."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind; `selector` keeps away those objects that are none of ours."""

    api_version: str
    name: str
    plural: str
    selector: str = ""

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version in its group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return where an object is served, or all of a namespace, or, without one, all."""
        start = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return start + within + "".join(f"/{part}" for part in (self.plural, name, subresource) if part)


POOLS = Kind(API_VERSION, "TrainerPool", "trainerpools")
SEARCHES = Kind(API_VERSION, "ArchitectureSearch", "architecturesearches")
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments", POOL_LABEL)
BUDGETS = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", POOL_LABEL)
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", POOL_LABEL)
PODS = Kind("v1", "Pod", "pods", POOL_LABEL)
EVENTS = Kind("events.k8s.io/v1", "Event", "events")

DECLARED = (POOLS, SEARCHES)
MADE = (DEPLOYMENTS, BUDGETS, CONFIG_MAPS, PODS)
WATCHED = (*DECLARED, *MADE)
_BY_NAME = {(kind.api_version, kind.name): kind for kind in WATCHED}


def kind_of(api_version: str, name: str) -> Kind:
    """Return the kind of a manifest that the operator made."""
    return _BY_NAME[api_version, name]


def kind_of_identity(target: Identity) -> Kind:
    """Return the kind of an object that the operator was told of."""
    return kind_of(target.api_version, target.kind)
