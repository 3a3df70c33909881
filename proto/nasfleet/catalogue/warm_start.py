"""What a search begins with: the best trials of an earlier one."""

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.kubernetes_names import LABEL_HINT, LABEL_PATTERN
from nasfleet.catalogue.parameter import parameter


@block
class WarmStart(Block):
    """Teaches the strategy the best trials that an earlier search has by now, before it proposes anything."""

    search: str = parameter(
        "Name of the earlier search, in the same namespace and with the same search space and reward; it may still run.",
        pattern=LABEL_PATTERN,
        pattern_hint=LABEL_HINT,
        min_length=1,
        max_length=63,
    )
    top: int = parameter(
        "How many of its trials, those with the highest rewards, of different networks; fewer if it has no more.",
        default=64,
        minimum=1,
        maximum=1000,
        unit="trials",
        source="a choice of ours: eight updates of the default batchSize",
    )
