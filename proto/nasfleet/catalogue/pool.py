"""A trainer pool as it is declared: how many trainers of one kind, on which nodes, with which devices and volumes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.kubernetes_names import (
    LABEL_HINT,
    LABEL_PATTERN,
    LABELS_HINT,
    RESOURCE,
    RESOURCE_HINT,
    RESOURCE_LENGTHS,
    SUBDOMAIN,
    SUBDOMAIN_HINT,
)
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule
from nasfleet.catalogue.search import ApiVersion
from nasfleet.catalogue.toleration import Toleration
from nasfleet.names import DEFAULT_NAMESPACE

MAX_NAME_LENGTH = 48
"""Shorter than other names, so that what is named after a pool in Kubernetes still has a DNS label for a name."""

_MORE_THAN_NOTHING = r"(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)"
_PROCESSORS = rf"{_MORE_THAN_NOTHING}(m|k)?"
_BYTES = rf"{_MORE_THAN_NOTHING}(k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?"
_MOST_REPLICAS = 10_000
_QUOTA_PREFIX = "requests."


def _name_of(description: str) -> Any:
    return parameter(description, default=None, pattern=SUBDOMAIN, pattern_hint=SUBDOMAIN_HINT, min_length=1, max_length=253)


def _quantity(description: str, pattern: str, examples: str) -> Any:
    hint = f"a quantity like {examples}, more than 0"
    return parameter(description, default=None, pattern=pattern, pattern_hint=hint, min_length=1, max_length=32)


@block
class Autoscaling(Block):
    """The operator alone writes replicas, by what running searches could use; never together with another autoscaler."""

    min_replicas: int = parameter(
        "Trainers that stay though there is nothing to do.", default=0, minimum=0, maximum=_MOST_REPLICAS, unit="trainers"
    )
    max_replicas: int = parameter("Trainers at most.", minimum=1, maximum=_MOST_REPLICAS, unit="trainers")
    idle_seconds: int = parameter(
        "How long a trainer is idle before it goes.", default=300, minimum=0, maximum=86_400, unit="seconds"
    )

    RULES = (
        Rule(
            holds="self.minReplicas <= self.maxReplicas",
            message="is more than maxReplicas: give as many at most, or more maxReplicas",
            path="minReplicas",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield bounds that leave nothing between them."""
        if self.min_replicas > self.max_replicas:
            fault = f"is {self.min_replicas}, more than maxReplicas, which is {self.max_replicas}"
            yield Problem(("minReplicas",), fault, f"give at most {self.max_replicas}, or more maxReplicas")


@block
class TrainerPoolSpec(Block):
    """What a trainer pool is: how many trainers of one kind, where they run and what each has. All of it may change."""

    replicas: int = parameter(
        "Trainers that are wanted. Leave it out of files that are applied: kubectl scale and autoscaling write it.",
        default=1,
        minimum=0,
        maximum=_MOST_REPLICAS,
        unit="trainers",
    )
    suspend: bool = parameter("Whether all trainers go, with replicas kept for later.", default=False)
    image: str | None = parameter(
        "Image of the trainers; without it the one that the operator is set to.",
        default=None,
        pattern="[A-Za-z0-9][-A-Za-z0-9._:/@]*",
        pattern_hint="a reference like example.com/nasfleet/trainer:1.0",
        min_length=1,
        max_length=1024,
    )
    slots: int = parameter("Trials that a trainer runs at once.", default=1, minimum=1, maximum=256, unit="trials")
    gpus: int = parameter(
        "GPUs of a trainer, which then trains on nothing else (NASFLEET_DEVICE=cuda); 0 for a pool without.",
        default=1,
        minimum=0,
        maximum=64,
        unit="GPUs",
    )
    gpu_resource: str = parameter(
        "Resource that the GPUs are requested as; its taint is tolerated.",
        default="nvidia.com/gpu",
        pattern=RESOURCE,
        second_pattern=RESOURCE_LENGTHS,
        pattern_hint=RESOURCE_HINT,
        min_length=1,
        max_length=317,
    )
    cpu: str | None = _quantity(
        "CPUs that a trainer requests, and shares out among its children as threads; without it 1.",
        _PROCESSORS,
        '"2" or 500m',
    )
    memory: str | None = _quantity("Memory that a trainer requests; without it 2Gi.", _BYTES, "16Gi")
    node_selector: Mapping[str, str] = parameter(
        "Labels that a node must have, each with this value.",
        default_factory=dict,
        max_length=64,
        pattern_hint=LABELS_HINT,
    )
    tolerations: tuple[Toleration, ...] = parameter(
        "Taints of nodes that the pods do not mind, beside that of the GPUs.", default=(), max_length=64
    )
    priority_class_name: str | None = _name_of("Priority class of the pods; without it the cluster's default.")
    queue_name: str | None = parameter(
        "Kueue's queue, by the pods' label kueue.x-k8s.io/queue-name; without it no queue.",
        default=None,
        pattern=SUBDOMAIN,
        pattern_hint=SUBDOMAIN_HINT,
        min_length=1,
        max_length=63,
    )
    spread_over_nodes: bool = parameter("Whether pods are spread over nodes, as far as there is room.", default=False)
    service_account_name: str | None = _name_of("Service account of the pods; without it the one that the operator is set to.")
    grace_period_seconds: int = parameter(
        "Time that a trainer which must go has to hand its trials back.", default=60, minimum=1, maximum=86_400, unit="seconds"
    )
    data_claim: str | None = _name_of("PersistentVolumeClaim with data sets, mounted read-only at /data.")
    artifacts_claim: str | None = _name_of("PersistentVolumeClaim for weights, mounted at /artifacts.")
    max_unavailable: str = parameter(
        "Trainers that a rollout or a node's drain may take away at once, as a number or a share.",
        default="25%",
        pattern="[1-9][0-9]{0,4}|(100|[1-9][0-9]?)%",
        pattern_hint='a number or a percentage like "2" or "25%"',
        min_length=1,
        max_length=5,
    )
    autoscaling: Autoscaling | None = parameter(
        "Follow what running searches could use; without it replicas stay as they are set.", default=None
    )
    template: Mapping[str, Any] = parameter(
        "Laid over the pod template, anywhere in it: metadata and spec as in a Deployment; resourceClaims go here. "
        "A field that is null there is removed; of what is applied, kubectl apply --server-side alone keeps it.",
        default_factory=dict,
        max_length=16,
        parts={
            "metadata": "Labels and annotations of the pods, as in a Deployment's template.",
            "spec": "What the pods are, as in a Deployment's template; the container of the trainer is called trainer.",
        },
    )

    RULES = (
        Rule(
            holds=f"!self.gpuResource.startsWith('{_QUOTA_PREFIX}')",
            message="begins as the names of quotas do: give the resource itself, like nvidia.com/gpu",
            path="gpuResource",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield what Kubernetes would refuse in the pods."""
        if self.gpu_resource.startswith(_QUOTA_PREFIX):
            fault = f"is {shown(self.gpu_resource)}, which begins as the names of quotas do"
            yield Problem(("gpuResource",), fault, "give the resource itself, like nvidia.com/gpu")


class PoolKind(Named):
    """What the document of a pool declares."""

    POOL = "TrainerPool", "A pool of trainers."


@block
class PoolMetadata(Block):
    """Under which name a pool is declared, and by which labels searches select it."""

    name: str = parameter(
        "Name of the pool.", pattern=LABEL_PATTERN, pattern_hint=LABEL_HINT, min_length=1, max_length=MAX_NAME_LENGTH
    )
    namespace: str = parameter(
        "Where the name is unique; its trainers serve searches of this namespace.",
        default=DEFAULT_NAMESPACE,
        pattern=LABEL_PATTERN,
        pattern_hint=LABEL_HINT,
        min_length=1,
        max_length=63,
    )
    labels: Mapping[str, str] = parameter(
        "What the trainerPoolSelector of searches is matched with.",
        default_factory=dict,
        max_length=1024,
        pattern_hint=LABELS_HINT,
    )


@block
class TrainerPool(Block):
    """The whole document."""

    api_version: ApiVersion = parameter("Which edition of this page holds.")
    kind: PoolKind = parameter("What the document declares.")
    metadata: PoolMetadata = parameter("Under which name, with which labels.")
    spec: TrainerPoolSpec = parameter("What the pool is.", default=TrainerPoolSpec())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerPoolDocument:
    """A pool under its name.

    Raises:
        InvalidParametersError: if a name is no DNS label, or too long for a pool's.
    """

    name: str
    namespace: str = DEFAULT_NAMESPACE
    labels: Mapping[str, str] = field(default_factory=dict)
    spec: TrainerPoolSpec

    def __post_init__(self) -> None:
        PoolMetadata(name=self.name, namespace=self.namespace, labels=self.labels)
