"""What can be wrong with a pool, in the order of severity, each with what happened and what to do about it.

This is the one table: conditions, events and the runbook use its words.
"""

from enum import StrEnum
from typing import Self


class FailureKind(StrEnum):
    """A reason of the conditions Degraded and Disrupted; `happened` follows a count of pods, `advice` stands alone.

    Of several that are present the first in this list is the reason.
    """

    happened: str
    advice: str

    INVALID_SPEC = (
        "InvalidSpec",
        "the pool's spec is wrong",
        "Correct the field that is named; until then the pool stays as it was.",
    )
    NAME_TAKEN = (
        "NameTaken",
        "an object of the name that this pool needs belongs to somebody else",
        "Delete or rename that object, or give the pool another name.",
    )
    TEMPLATE_REFUSED = (
        "TemplateRefused",
        "the API server refused what the pool's spec makes",
        "Correct spec.template or the field that is named.",
    )
    OPERATOR_FORBIDDEN = (
        "OperatorForbidden",
        "the operator may not make what this pool needs",
        "Compare its rights with operator/manifests/rbac.yaml; a namespace that is being deleted takes nothing more.",
    )
    DECLARATION_REFUSED = (
        "DeclarationRefused",
        "the controller refused what the pool declares",
        "Correct the labels or the field that is named; until then the pool stays as it was.",
    )
    SERVICE_ACCOUNT_MISSING = (
        "ServiceAccountMissing",
        "pods cannot be made without their service account",
        "Create it in the pool's namespace, or give another spec.serviceAccountName.",
    )
    CLASS_MISSING = (
        "ClassMissing",
        "pods cannot be made without the class that they name",
        "Create that PriorityClass or RuntimeClass, or correct spec.priorityClassName or runtimeClassName in spec.template.",
    )
    POD_FORBIDDEN = (
        "PodForbidden",
        "pods are refused on admission",
        "Take out of spec.template what the namespace's Pod Security level or an admission webhook forbids.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        "the namespace's quota lets no more pods in",
        "Raise the ResourceQuota, or lower spec.replicas or what each trainer requests.",
    )
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "cannot pull the image",
        "Check spec.image, and imagePullSecrets in spec.template.",
    )
    CONFIG_ERROR = (
        "ConfigError",
        "cannot be started as they are configured",
        "Check the secrets, claims and commands that spec.template names.",
    )
    OUT_OF_MEMORY = (
        "OutOfMemory",
        "ran out of memory",
        "Raise the memory limit in spec.template and spec.memory, or lower spec.slots or the task's batch size.",
    )
    CRASH_LOOPING = (
        "CrashLooping",
        "end again and again soon after their start",
        "Read why with kubectl logs --previous.",
    )
    CLAIM_UNAVAILABLE = (
        "ClaimUnavailable",
        "wait for a volume claim that is missing or not bound",
        "Create or bind it in the pool's namespace, or correct spec.dataClaim, spec.artifactsClaim or the template's volumes.",
    )
    UNNOTICED = (
        "Unnoticed",
        "were looked at by no scheduler for a minute",
        "Check schedulerName and resourceClaims in spec.template; if they are right, see whether that scheduler runs.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        "fit on no node",
        "Add nodes of that kind or free GPUs, or lower spec.replicas; check nodeSelector, tolerations and gpuResource.",
    )
    ALTERED_BY_OTHERS = (
        "AlteredByOthers",
        "somebody alters again and again what the operator applies",
        "Find who by metadata.managedFields, an admission webhook or an autoscaler, and have them leave the field alone.",
    )
    CONTROLLER_UNAVAILABLE = (
        "ControllerUnavailable",
        "the controller does not answer",
        "Check its pod and the operator's address of it; children in training go on meanwhile.",
    )
    NODE_LOST = (
        "NodeLost",
        "went with a node",
        "Nothing is needed here: their trials went to others. Look at the node.",
    )
    EVICTED = (
        "Evicted",
        "had to go because a node ran short of a resource",
        "Their trials went to others. Request what a trainer needs: spec.memory, ephemeral-storage in spec.template.",
    )
    PREEMPTED = (
        "Preempted",
        "gave way to pods of higher priority",
        "Their trials went to others and count for nothing. Give a higher spec.priorityClassName if it happens too often.",
    )
    DRAINED = (
        "Drained",
        "had to leave a node by an eviction",
        "Nothing is needed: their trials went to others. spec.maxUnavailable says how many may go at once.",
    )

    def __new__(cls, value: str, happened: str, advice: str) -> Self:
        """Return a member from its reason and its words."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.happened = happened
        member.advice = advice
        return member


SEVERITY = {kind: rank for rank, kind in enumerate(FailureKind)}
"""Lower is worse."""
