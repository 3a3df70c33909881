"""Reinforce finds a known optimum, and only because each reward is credited to the tokens that earned it."""

from collections.abc import Iterator
from random import Random

from nasfleet.catalogue import ConvChain, Reinforce, SearchSpaceSection
from nasfleet.spaces.building import build_space
from nasfleet_controller.strategies.reinforce import build_reinforce
from nasfleet_controller.strategies.strategy import Credit
from nasfleet_trainer.tasks.synthetic import agreement, optimum

SPACE = SearchSpaceSection(space=ConvChain(layers=2))  # 8,192 architectures of 7 tokens, one of them a skip
# Tuned on seeds 100 to 119, which the tests do not use; the paper's learning rate learns nothing visible in so few trials.
TUNED = Reinforce(
    learning_rate=0.03,
    baseline_decay=0.8,
    batch_size=40,
    hidden_units=16,
    embedding_size=16,
    layers=1,
    entropy_weight=0.025,
)
BATCHES = 100
LAST = 100
SEEDS = range(20)
ENOUGH = 19


def concentrates(seed: int, *, shuffle_credit: bool) -> bool:
    """Return whether at least three in four of the last hundred of 4,000 trials are the optimum."""
    return optima_among_the_last(seed, shuffle_credit=shuffle_credit) >= 0.75 * LAST


def optima_among_the_last(seed: int, *, shuffle_credit: bool) -> int:
    strategy = build_reinforce(SPACE, TUNED, seed)
    best = optimum(build_space(SPACE).decisions, seed)
    proposed: list[tuple[int, ...]] = []
    for batch in range(BATCHES):
        first = len(proposed)
        drawn = strategy.propose(batch, first, TUNED.batch_size)
        proposed += drawn
        rewards = [agreement(tokens, best) for tokens in drawn]
        if shuffle_credit:
            Random(first).shuffle(rewards)
        pairs = enumerate(zip(drawn, rewards, strict=True), first)
        strategy.observe([Credit(number, tokens, None, reward, batch) for number, (tokens, reward) in pairs])
    return proposed[-LAST:].count(best)


def failing_seeds(*, shuffle_credit: bool) -> Iterator[int]:
    return (seed for seed in SEEDS if not concentrates(seed, shuffle_credit=shuffle_credit))


def test_reinforce_concentrates_on_the_optimum_within_4000_trials_in_19_of_20_seeds() -> None:
    assert len([*failing_seeds(shuffle_credit=False)]) <= len(SEEDS) - ENOUGH


def test_with_credit_shuffled_among_trials_it_does_not() -> None:
    failing = failing_seeds(shuffle_credit=True)

    # The test above fails at the second seed that fails; there is no need to look at the others.
    assert len({next(failing) for _ in range(len(SEEDS) - ENOUGH + 1)}) == len(SEEDS) - ENOUGH + 1
