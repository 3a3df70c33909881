"""Episodes of LunarLander: those that an agent learns from, and those that measure it, whose landscapes are never the same.

A landscape follows from the seed of its episode. Trainings take even seeds and evaluations odd ones, so that no agent is
measured on what it was trained on; the evaluation's are those of the search, so that all its agents are measured on the same.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

from nasfleet.catalogue.lunar_lander import EpsilonDecay, LunarLander
from nasfleet_trainer.deep_q.learning import QLearner
from nasfleet_trainer.deep_q.replay import Replay
from nasfleet_trainer.deep_q.scores import Scores

OBSERVATIONS, ACTIONS = 8, 4
_SEEDS = 2**30


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode of a training: its score and steps, the updates made in it and the sum of their losses."""

    score: float
    steps: int
    updates: int
    loss: float


class Training:
    """An agent in training; `episodes` trains it, episode by episode, until it may not or need not go on."""

    def __init__(self, section: LunarLander, network: nn.Module, seed: int, device: torch.device) -> None:
        self._section = section
        self._device = device
        self._random = Random(seed)
        self._landscapes = training_seeds(seed)
        self._replay = Replay(section.replay_size, OBSERVATIONS, np.random.default_rng(seed))
        self._learner = QLearner(network, section, device)
        self._epsilon = section.epsilon_start
        self.scores = Scores(section)
        self.steps = 0

    def episodes(self) -> Iterator[Episode]:
        """Yield each episode when it is over."""
        environment = lander()
        for _ in range(self._section.episodes):
            episode = self._play(environment)
            self.scores.add(episode.score)
            yield episode
            if self._section.steps is not None and self.steps >= self._section.steps:
                return
            if self._section.stop_when_solved and self.scores.solved:
                return

    def _play(self, environment: Any) -> Episode:
        section, score, updates, before = self._section, 0.0, 0, self.steps
        loss = torch.zeros((), device=self._device)
        observation, _ = environment.reset(seed=next(self._landscapes))
        for _ in range(section.episode_steps):
            action = self._action(observation)
            following, reward, terminated, _, _ = environment.step(action)
            self._replay.add(observation, action, reward, following, terminated=terminated)
            observation, score = following, score + float(reward)
            self.steps += 1
            if self.steps % section.learn_every == 0 and len(self._replay) >= section.batch_size:
                loss += self._learner.learn(self._replay.sample(section.batch_size, self._device))
                updates += 1
            if terminated:
                break
        if section.epsilon_decay_each is EpsilonDecay.EPISODE:
            self._explore_less()
        return Episode(score, self.steps - before, updates, loss.item())

    def _action(self, observation: Any) -> int:
        explores = self._random.random() < self._epsilon
        if self._section.epsilon_decay_each is EpsilonDecay.STEP:
            self._explore_less()
        return int(self._random.random() * ACTIONS) if explores else self._learner.best_action(observation)

    def _explore_less(self) -> None:
        self._epsilon = max(self._section.epsilon_end, self._epsilon * self._section.epsilon_decay)


def lander() -> Any:
    """Return an environment without gymnasium's wrappers, which check and count what is checked and counted here."""
    with warnings.catch_warnings():
        # The types that SWIG made for Box2D warn when they are imported; where warnings are errors that ends the process.
        warnings.simplefilter("ignore", DeprecationWarning)
        return gymnasium.make("LunarLander-v3", disable_env_checker=True).unwrapped


def training_seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of a training's landscapes: even numbers."""
    random = Random(f"training {seed}")
    while True:
        yield 2 * random.randrange(_SEEDS)


def evaluation_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds of an evaluation's landscapes: odd numbers."""
    random = Random(f"evaluation {seed}")
    return [2 * random.randrange(_SEEDS) + 1 for _ in range(count)]


@torch.inference_mode()
def evaluate(network: nn.Module, seeds: list[int], *, episode_steps: int, device: torch.device) -> list[float]:
    """Return the score of one episode for each seed, without random actions; all are played at once."""
    environments = [lander() for _ in seeds]
    observations = np.stack([environment.reset(seed=seed)[0] for environment, seed in zip(environments, seeds, strict=True)])
    scores, going = [0.0] * len(seeds), list(range(len(seeds)))
    for _ in range(episode_steps):
        values: Tensor = network(torch.from_numpy(observations[going]).to(device))
        actions, before, going = values.argmax(dim=1).tolist(), going, []
        for number, action in zip(before, actions, strict=True):
            observations[number], reward, terminated, _, _ = environments[number].step(action)
            scores[number] += float(reward)
            if not terminated:
                going.append(number)
        if not going:
            break
    return scores
