"""Double deep Q-learning: its targets by hand, what is remembered, what is learned, and which landscapes are seen."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nasfleet.catalogue import LanderScore, LunarLander
from nasfleet_trainer.deep_q.landing import evaluation_seeds, training_seeds
from nasfleet_trainer.deep_q.learning import QLearner, double_q_targets
from nasfleet_trainer.deep_q.replay import Replay, Transitions
from nasfleet_trainer.deep_q.scores import Scores

CPU = torch.device("cpu")


def test_the_online_network_chooses_the_action_and_the_target_network_values_it() -> None:
    # Online: action 0 is best (5 > 1), target: action 1 would be (7 > 2). Double: 1 + 0.5 * 2 = 2; plain, with max over the
    # target network, would be 1 + 0.5 * 7 = 4.5. The second step ended its episode, so only its reward counts.
    targets = double_q_targets(
        rewards=torch.tensor([1.0, -3.0]),
        goes_on=torch.tensor([1.0, 0.0]),
        online_following=torch.tensor([[5.0, 1.0], [0.0, 1.0]]),
        target_following=torch.tensor([[2.0, 7.0], [9.0, 9.0]]),
        discount=0.5,
    )
    torch.testing.assert_close(targets, torch.tensor([2.0, -3.0]))


def test_targets_of_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match=r"want \[B\], \[B\], \[B, A\], \[B, A\]"):
        double_q_targets(torch.zeros(2), torch.zeros(2), torch.zeros(2, 4), torch.zeros(2, 3), discount=0.5)


class Table(nn.Module):
    """A Q-network for observations of one figure that is always 1: a value for each of two actions."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.output = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.output.weight.copy_(torch.tensor(values).unsqueeze(1))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = self.output(observations)
        return values


def one_step(action: int, reward: float, *, goes_on: bool) -> Transitions:
    one = torch.ones(1, 1)
    return Transitions(one, torch.tensor([[action]]), torch.tensor([reward]), one, torch.tensor([float(goes_on)]))


def test_an_update_moves_the_chosen_action_towards_its_target_and_lets_the_target_network_follow() -> None:
    network = Table(3.0, 0.0)
    learner = QLearner(network, LunarLander(learning_rate=0.1, target_rate=0.25, discount=0.5), CPU)
    # Target network as online: 1 + 0.5 * 3 = 2.5, and the value of action 1 is 0: a squared error of 6.25. Adam's first step is
    # as long as its rate, so that action 1 comes to 0.1; the target takes a quarter of that.
    assert learner.learn(one_step(1, 1.0, goes_on=True)).item() == pytest.approx(6.25)
    torch.testing.assert_close(network.output.weight.detach().flatten(), torch.tensor([3.0, 0.1]))
    target = next(iter(learner._target.parameters()))
    torch.testing.assert_close(target.detach().flatten(), torch.tensor([3.0, 0.025]))


def test_a_learner_is_double_where_online_and_target_disagree() -> None:
    network = Table(5.0, 1.0)
    learner = QLearner(network, LunarLander(learning_rate=1e-6, target_rate=1e-6, discount=0.5), CPU)
    with torch.no_grad():
        learner._followers.copy_(torch.tensor([2.0, 7.0]))
    # As above: the target is 1 + 0.5 * 2 = 2 and the value 5; plain Q-learning would have an error of (5 - 4.5)^2.
    assert learner.learn(one_step(0, 1.0, goes_on=True)).item() == pytest.approx(9.0)


def test_a_bandit_is_learned() -> None:
    network = Table(0.0, 0.0)
    learner = QLearner(network, LunarLander(learning_rate=0.02), CPU)
    for _ in range(300):
        learner.learn(one_step(0, -1.0, goes_on=False))
        learner.learn(one_step(1, 2.0, goes_on=False))
    assert network.output.weight.flatten().tolist() == pytest.approx([-1.0, 2.0], abs=0.05)
    assert learner.best_action(np.ones(1, dtype=np.float32)) == 1


@given(st.integers(1, 5), st.integers(1, 12))
def test_the_replay_gives_back_whole_steps_and_forgets_the_oldest_first(size: int, added: int) -> None:
    replay = Replay(size, 2, np.random.default_rng(0))
    for number in range(added):
        before, after = np.full(2, number, dtype=np.float32), np.full(2, number + 0.5, dtype=np.float32)
        replay.add(before, number % 4, number * 10.0, after, terminated=number % 3 == 0)
    assert len(replay) == min(size, added)
    batch = replay.sample(200, CPU)
    numbers = batch.observations[:, 0].long()
    assert set(numbers.tolist()) == set(range(max(0, added - size), added))
    torch.testing.assert_close(batch.following, batch.observations + 0.5)
    torch.testing.assert_close(batch.actions.squeeze(1), numbers % 4)
    torch.testing.assert_close(batch.rewards, numbers * 10.0)
    torch.testing.assert_close(batch.goes_on, (numbers % 3 != 0).float())


@given(st.integers(0, 2**56), st.integers(0, 2**56))
def test_no_landscape_of_an_evaluation_occurs_in_a_training(child: int, search: int) -> None:
    trained, measured = set(islice(training_seeds(child), 200)), evaluation_seeds(search, 200)
    # By construction, not by luck: of the seeds of the one every one is even, of those of the other odd.
    assert {seed % 2 for seed in trained} == {0}
    assert {seed % 2 for seed in measured} == {1}
    assert len(trained) > 190
    assert measured == evaluation_seeds(search, 200)


def test_one_good_episode_does_not_solve_the_task_but_enough_of_them_do() -> None:
    scores = Scores(LunarLander(solved_episodes=3, solved_score=200))
    scores.add(290.0)
    assert not scores.solved
    for score in (150.0, 150.0):
        scores.add(score)
    assert not scores.solved, "a mean of 196.7"
    scores.add(310.0)
    assert scores.solved, "a mean of 203.3, with the first one forgotten"


def test_the_score_is_the_mean_itself_unless_the_course_s_is_wanted() -> None:
    ours, theirs = Scores(LunarLander()), Scores(LunarLander(score=LanderScore.COURSE))
    assert [ours.figure_of_merit(-150.0), theirs.figure_of_merit(-150.0)] == [-150.0, 1e-5]
    for scores in (ours, theirs):
        scores.add(200.0)
    # The course's absolute value: an agent that has got lucky once and crashes ever since is worth as much as a good one.
    assert [ours.figure_of_merit(-150.0), theirs.figure_of_merit(-150.0)] == [-150.0, 5.0]
