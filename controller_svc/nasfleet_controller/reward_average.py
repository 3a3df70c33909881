"""The moving average of the rewards of a search, for people who watch; the policy's baseline is another thing."""

_DECAY = 0.95


def moved(average: float | None, reward: float) -> float:
    """Return the average after one more reward; it starts at the first."""
    return reward if average is None else _DECAY * average + (1 - _DECAY) * reward
