import math
from collections.abc import Sequence
from itertools import count

import pytest
import torch
from safetensors.torch import load
from torch import Tensor

from nasfleet.catalogue import ConvChain, Growth, Reinforce, SearchSpaceSection
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.building import build_space
from nasfleet_controller.strategies.reinforce import ReinforceStrategy, build_reinforce
from nasfleet_controller.strategies.strategy import Credit, Update

Tokens = tuple[int, ...]
SPACE = SearchSpaceSection(space=ConvChain(layers=3))
GROWING = SearchSpaceSection(space=ConvChain(layers=1), growth=Growth(layers=1, every_trials=8, max_layers=3))


def strategy_of(section: Reinforce | None = None, space: SearchSpaceSection = SPACE, seed: int = 5) -> ReinforceStrategy:
    return build_reinforce(space, section or Reinforce(batch_size=4), seed)


def credited(drawn: Sequence[Tokens], rewards: Sequence[float], version: int, layers: int | None = None) -> list[Credit]:
    pairs = zip(count(), drawn, rewards, strict=False)
    return [Credit(number, tokens, layers, reward, version) for number, tokens, reward in pairs]


def learn(strategy: ReinforceStrategy, rewards: Sequence[float], batch: int = 0) -> Update:
    """Propose a batch, reward it so, and return the update."""
    drawn = strategy.propose(batch, batch * len(rewards), len(rewards))
    update = strategy.observe(credited(drawn, rewards, strategy.version))
    assert update is not None
    return update


def share_of_ones(tokens: Tokens) -> float:
    return tokens.count(1) / len(tokens)


def run(strategy: ReinforceStrategy, batches: range, space: SearchSpaceSection = SPACE) -> list[object]:
    """Return everything that came of these batches of four, each rewarded one batch late."""
    history: list[object] = []
    for batch in batches:
        drawn = strategy.propose(batch, 4 * batch, 4)
        layers = None if space is SPACE else min(1 + batch // 2, 3)
        update = strategy.observe(credited(drawn, [*map(share_of_ones, drawn)], strategy.version, layers))
        history += [drawn, update]
    return history


def test_baseline_starts_at_the_first_mean_so_that_equal_rewards_teach_nothing() -> None:
    update = learn(strategy_of(), [0.5, 0.5, 0.5, 0.5])

    assert (update.baseline, update.mean_reward, update.gradient_norm) == (0.5, 0.5, 0.0)


def test_baseline_moves_by_the_decay_and_the_advantage_uses_its_value_from_before() -> None:
    strategy = strategy_of(Reinforce(batch_size=2, baseline_decay=0.75))
    learn(strategy, [0.0, 2.0])

    second = learn(strategy, [1.0, 1.0], batch=1)
    third = learn(strategy, [5.0, 5.0], batch=2)

    assert second.baseline == 1.0
    # Rewards equal to the baseline from before teach nothing; with 0.75 x 1 + 0.25 x 5 = 2 they would.
    assert second.gradient_norm == 0.0
    assert third.baseline == 2.0
    assert third.gradient_norm > 0.0


def test_an_update_says_what_it_did() -> None:
    update = learn(strategy_of(), [0.0, 1.0, 2.0, 5.0])

    assert (update.version, update.mean_reward, update.staleness) == (1, 2.0, 0)
    # Three layers: nine choices of four and anchors with 0, 1 and 2 skips, close to fair at first.
    assert update.entropy == pytest.approx((9 * math.log(4) + 3 * math.log(2)) / 12, rel=0.01)
    assert update.gradient_norm > 0


def test_first_step_of_adam_has_the_learning_rate() -> None:
    # Adam's first step is the learning rate times the sign of the gradient, wherever that is large against its epsilon.
    strategy = strategy_of(Reinforce(batch_size=4, learning_rate=0.01))
    before = policy_of(learn(strategy_of(Reinforce(batch_size=4)), [1.0] * 4).checkpoint)

    after = policy_of(learn(strategy, [0.0, 300.0, 0.0, -100.0]).checkpoint)

    moved = after["first_input"] - before["first_input"]
    assert moved.abs().median().item() == pytest.approx(0.01, rel=1e-3)


def test_a_rewarded_architecture_becomes_likelier_and_a_worse_one_less_likely() -> None:
    strategy = strategy_of(Reinforce(batch_size=2))
    drawn = strategy.propose(0, 0, 2)
    before = log_probs_of(strategy, drawn)

    strategy.observe(credited(drawn, [1.0, 0.0], strategy.version))

    better, worse = (log_probs_of(strategy, drawn) - before).tolist()
    assert worse < 0 < better


def test_one_pass_of_the_clipped_objective_is_the_plain_gradient() -> None:
    rewards = [0.0, 1.0, 0.0, 1.0]

    plain = learn(strategy_of(Reinforce(batch_size=4)), rewards)
    once = learn(strategy_of(Reinforce(batch_size=4, ppo_passes=1)), rewards)
    thrice = learn(strategy_of(Reinforce(batch_size=4, ppo_passes=3)), rewards)

    assert plain == once
    assert (thrice.version, thrice.gradient_norm) == (plain.version, plain.gradient_norm)
    assert thrice.checkpoint != plain.checkpoint


def test_a_clipped_gradient_moves_the_policy_less_and_is_reported_unclipped() -> None:
    start = policy_of(learn(strategy_of(), [1.0] * 4).checkpoint)
    rewards = [0.0, 1.0, 0.0, 1.0]

    free = learn(strategy_of(), rewards)
    # So small a norm is comparable to Adam's epsilon; any larger one would be scaled away in the first step.
    clipped = learn(strategy_of(Reinforce(batch_size=4, gradient_clip=1e-9)), rewards)

    assert clipped.gradient_norm == free.gradient_norm > 1e-9
    assert distance(policy_of(clipped.checkpoint), start) < 0.1 * distance(policy_of(free.checkpoint), start)


def test_entropy_weight_keeps_the_policy_undecided() -> None:
    plain, curious = (strategy_of(Reinforce(batch_size=4, learning_rate=0.02, entropy_weight=weight)) for weight in (0.0, 1.0))
    drawn = plain.propose(0, 0, 4)

    entropies = []
    for strategy in (plain, curious):
        updates = [strategy.observe(credited(drawn, [1.0, 0.0, 0.0, 0.0], strategy.version)) for _ in range(20)]
        assert updates[-1] is not None
        entropies.append(updates[-1].entropy)

    assert entropies[1] > 2 * entropies[0]


def test_staleness_is_that_of_the_oldest_architecture() -> None:
    strategy = strategy_of()
    for batch in range(3):
        learn(strategy, [0.0, 1.0, 0.0, 1.0], batch)
    drawn = strategy.propose(3, 12, 4)

    update = strategy.observe([*credited(drawn[:2], [0.0, 1.0], version=1), *credited(drawn[2:], [0.0, 1.0], version=3)])

    assert update is not None
    assert update.staleness == 2


def test_rewards_that_are_too_late_change_nothing_at_all() -> None:
    section = Reinforce(batch_size=4, max_staleness=1)
    one, other = strategy_of(section), strategy_of(section)
    for strategy in (one, other):
        learn(strategy, [0.0, 1.0, 0.0, 1.0])
        learn(strategy, [0.0, 1.0, 1.0, 1.0], batch=1)
    late = credited(one.propose(0, 0, 4), [9.0, 0.0, 9.0, 0.0], version=0)

    assert one.observe(late) is None

    assert one.version == 2
    assert learn(one, [1.0, 0.0, 0.0, 1.0], batch=2) == learn(other, [1.0, 0.0, 0.0, 1.0], batch=2)


def test_of_a_mixed_group_only_the_rewards_that_are_not_too_late_are_learned_from() -> None:
    section = Reinforce(batch_size=4, max_staleness=0)
    one, other = strategy_of(section), strategy_of(section)
    for strategy in (one, other):
        learn(strategy, [0.0, 1.0, 0.0, 1.0])
    drawn = one.propose(1, 4, 4)
    timely, late = credited(drawn[:2], [0.0, 1.0], version=1), credited(drawn[2:], [7.0, 8.0], version=0)

    assert one.observe([*late, *timely]) == other.observe(timely)


def test_a_group_without_rewards_is_no_update() -> None:
    strategy = strategy_of()

    assert strategy.observe([]) is None
    assert strategy.version == 0


def test_a_group_of_several_depths_is_one_mean_over_all_its_architectures() -> None:
    strategy = strategy_of(space=GROWING)
    deep = credited(strategy.propose(9, 100, 1), [1.0], 0, layers=3)
    shallow = credited(strategy.propose(0, 0, 3), [0.0, 0.0, 0.0], 0, layers=1)

    update = strategy.observe([*deep, *shallow])
    of_deep, of_shallow = (strategy_of(space=GROWING).observe(group) for group in (deep, shallow))

    assert update is not None
    assert of_deep is not None
    assert of_shallow is not None
    assert update.mean_reward == 0.25
    assert update.entropy == pytest.approx((of_deep.entropy + 3 * of_shallow.entropy) / 4, rel=1e-5)


def test_depth_of_a_batch_is_that_of_its_first_trial() -> None:
    strategy = strategy_of(space=GROWING)

    widths = [len(strategy.propose(0, first_number, 1)[0]) for first_number in (0, 7, 8, 16, 800)]

    assert widths == [3, 3, 3 + 4, 3 + 4 + 5, 3 + 4 + 5]


@pytest.mark.parametrize("space", [SPACE, GROWING], ids=["fixed", "growing"])
@pytest.mark.parametrize("section", [Reinforce(batch_size=4), Reinforce(batch_size=4, ppo_passes=3)], ids=["plain", "clipped"])
def test_same_seed_and_order_of_reports_give_the_same_policy_bit_for_bit(section: Reinforce, space: SearchSpaceSection) -> None:
    once = run(strategy_of(section, space), range(8), space)
    again = run(strategy_of(section, space), range(8), space)
    different = run(strategy_of(section, space, seed=6), range(8), space)

    assert once == again
    assert once != different


@pytest.mark.parametrize("space", [SPACE, GROWING], ids=["fixed", "growing"])
@pytest.mark.parametrize("restart", [1, 4, 7])
def test_a_restart_in_the_middle_changes_no_bit(space: SearchSpaceSection, restart: int) -> None:
    whole = run(strategy_of(space=space), range(8), space)
    interrupted = strategy_of(space=space)
    before = run(interrupted, range(restart), space)
    last = before[-1]
    assert isinstance(last, Update)

    resumed = strategy_of(space=space, seed=5)
    resumed.restore(last.checkpoint)

    assert resumed.version == restart
    assert before + run(resumed, range(restart, 8), space) == whole


def test_a_checkpoint_is_safetensors_with_policy_optimiser_version_and_baseline() -> None:
    update = learn(strategy_of(), [0.0, 1.0, 0.0, 1.0])

    tensors = load(update.checkpoint)

    assert (tensors["version"].item(), tensors["baseline"].item()) == (1, update.baseline)
    assert policy_of(update.checkpoint).keys() > {"first_input", "lstm.weight_ih_l0", "heads.0.embedding"}
    assert {"optimizer.first_input.step", "optimizer.first_input.exp_avg", "optimizer.first_input.exp_avg_sq"} < tensors.keys()


def test_a_batch_does_not_depend_on_how_many_are_wanted_or_on_other_batches() -> None:
    strategy, other = strategy_of(), strategy_of()
    other.propose(0, 0, 4)

    whole = strategy.propose(1, 4, 4)

    assert other.propose(1, 4, 3) == whole[:3]
    assert other.propose(1, 4, 4) == whole
    assert other.propose(2, 8, 4) != whole


@pytest.mark.parametrize("reward", [math.nan, math.inf])
def test_a_reward_that_is_not_finite_is_no_credit(reward: float) -> None:
    with pytest.raises(InvalidInputError, match=f"trial 3 has the reward {reward}"):
        Credit(3, (0,), None, reward, 0)


def log_probs_of(strategy: ReinforceStrategy, architectures: Sequence[Tokens]) -> Tensor:
    scores, _ = strategy._policy.score(build_space(SPACE).decisions, torch.tensor(architectures))
    return scores.detach().sum(dim=1)


def policy_of(checkpoint: bytes) -> dict[str, Tensor]:
    return {name.removeprefix("policy."): value for name, value in load(checkpoint).items() if name.startswith("policy.")}


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return sum((one[name] - other[name]).abs().sum().item() for name in one)
