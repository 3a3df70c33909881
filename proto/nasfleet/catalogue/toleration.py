"""Tolerations: which taints of nodes the pods of a pool do not mind."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.kubernetes_names import (
    LABEL_VALUE,
    LABEL_VALUE_HINT,
    LONGEST_LABEL_VALUE,
    QUALIFIED,
    QUALIFIED_HINT,
    QUALIFIED_LENGTHS,
)
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule


class TolerationOperator(Named):
    """How a toleration compares with a taint."""

    EQUAL = "Equal", "The taint has this key and this value."
    EXISTS = "Exists", "The taint has this key, whatever its value; without a key any taint."


class TaintEffect(Named):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule", "Keeps new ones away."
    PREFER_NO_SCHEDULE = "PreferNoSchedule", "Keeps new ones away where it can."
    NO_EXECUTE = "NoExecute", "Also evicts those that run."


@block
class Toleration(Block):
    """A taint that pods of the pool do not mind."""

    key: str | None = parameter(
        "Key of the taint; without it any, with operator Exists.",
        default=None,
        pattern=QUALIFIED,
        second_pattern=QUALIFIED_LENGTHS,
        pattern_hint=QUALIFIED_HINT,
        min_length=1,
        max_length=317,
    )
    operator: TolerationOperator = parameter("How key and value are compared.", default=TolerationOperator.EQUAL)
    value: str | None = parameter(
        "Value of the taint, with operator Equal only; without it the empty one.",
        default=None,
        pattern=LABEL_VALUE,
        pattern_hint=LABEL_VALUE_HINT,
        min_length=1,
        max_length=LONGEST_LABEL_VALUE,
    )
    effect: TaintEffect | None = parameter("Effect of the taint; without it any.", default=None)
    toleration_seconds: int | None = parameter(
        "How long a pod stays once the taint is there, with effect NoExecute only; without it for good.",
        default=None,
        minimum=0,
        maximum=31_536_000,
        unit="seconds",
    )

    RULES = (
        Rule(
            holds="has(self.key) || self.operator == 'Exists'",
            message="is missing, but operator is Equal: give a key, or operator Exists",
            path="key",
        ),
        Rule(
            holds="!has(self.value) || self.operator == 'Equal'",
            message="is given, but operator is Exists: remove it, or give operator Equal",
            path="value",
        ),
        Rule(
            holds="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            message="is given, but effect is not NoExecute: remove it, or give effect NoExecute",
            path="tolerationSeconds",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield what Kubernetes would refuse in the pods."""
        if self.key is None and self.operator is not TolerationOperator.EXISTS:
            yield Problem(("key",), "is missing, but operator is Equal", "give a key, or operator Exists")
        if self.value is not None and self.operator is TolerationOperator.EXISTS:
            yield Problem(("value",), f"is {shown(self.value)}, but operator is Exists", "remove it, or give operator Equal")
        if self.toleration_seconds is not None and self.effect is not TaintEffect.NO_EXECUTE:
            fault = f"is {self.toleration_seconds}, but effect is not NoExecute"
            yield Problem(("tolerationSeconds",), fault, "remove it, or give effect NoExecute")
