"""A stopping rule for searches that learn: rewards that stay where they are; from the course project "ENAS on DDQN" (IISc)."""

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.mlp import COURSE
from nasfleet.catalogue.parameter import parameter

MOST_UPDATES = 1000


@block
class Convergence(Block):
    """The mean rewards of the last updates of the policy are close to each other and good enough."""

    updates: int = parameter(
        "Updates in a row that count.",
        default=7,
        minimum=2,
        maximum=MOST_UPDATES,
        unit="updates",
        source=COURSE,
    )
    max_std: float = parameter(
        "Their mean rewards have a standard deviation below this; in units of the reward.",
        exclusive_minimum=0,
        maximum=1e12,
        unit="reward",
        source=f"15 points in {COURSE}",
    )
    min_mean: float = parameter(
        "The mean of their mean rewards is this at least.",
        minimum=-1e12,
        maximum=1e12,
        unit="reward",
        source=f"220 points in {COURSE}",
    )
