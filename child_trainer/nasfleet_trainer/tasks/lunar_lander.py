"""The task `lunarLander`: a child is a Q-network that learns to land, and is measured on landscapes that it never saw."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from statistics import fmean

import torch

from nasfleet.catalogue.lunar_lander import LunarLander
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.mlp import Mlp
from nasfleet_trainer.course import StoppedEarly
from nasfleet_trainer.deep_q.landing import ACTIONS, OBSERVATIONS, Training, evaluate, evaluation_seeds
from nasfleet_trainer.failures import CannotBuildError
from nasfleet_trainer.inheritance import bequeath, inherit, layers_folder
from nasfleet_trainer.keeping import Keeping
from nasfleet_trainer.networks.mlp import MlpNetwork
from nasfleet_trainer.stages import stage
from nasfleet_trainer.tasks.task import ChildRun, Report


class LunarLanderTask:
    """Trains the agents of one search, one after another."""

    def __init__(self, section: LunarLander) -> None:
        self._section = section
        self._keeping = Keeping()

    def train(self, run: ChildRun, report: Report) -> Measurement:
        """Return what an agent is worth, with the mean scores of its training as epochs."""
        if not isinstance(run.description, Mlp):
            raise CannotBuildError("lunarLander trains fully connected networks, and this is none: search mlp")
        with one_thread():
            return self._train(run, run.description, report)

    def _train(self, run: ChildRun, description: Mlp, report: Report) -> Measurement:
        started = time.perf_counter()
        device = torch.device(run.device)
        with stage("build"):
            network = build(description, run.seed)
        folder = layers_folder(run.artifacts_dir, run.trial) if self._section.inherit_layers else None
        if folder is not None:
            inherit(network, description, folder)
        training = Training(self._section, network.to(device), run.seed, device)
        epochs = tuple(self._epochs(training, report))
        if folder is not None:
            bequeath(network, description, folder)
        seeds = evaluation_seeds(run.spec.seed, self._section.evaluation_episodes)
        mean = fmean(evaluate(network, seeds, episode_steps=self._section.episode_steps, device=device))
        seconds = time.perf_counter() - started
        measurement = Measurement(
            value=training.scores.figure_of_merit(mean),
            epochs=epochs,
            seconds=seconds,
            trainer_seconds=seconds,
            parameters=description.parameters(OBSERVATIONS, ACTIONS),
            multiply_adds=description.multiply_adds(OBSERVATIONS, ACTIONS),
            steps=training.steps,
        )
        facts = {"observations": OBSERVATIONS, "actions": ACTIONS, "steps": training.steps, "meanScore": mean}
        return self._keeping.keep(run, network, measurement, facts)

    def _epochs(self, training: Training, report: Report) -> Iterator[EpochMeasurement]:
        """Train, and yield and report the mean score of each block of episodes."""
        episodes = training.episodes()
        started = time.perf_counter()
        for number in count(1):
            block = list(islice(episodes, self._section.report_episodes))
            if not block:
                return
            updates = sum(episode.updates for episode in block)
            loss = sum(episode.loss for episode in block) / updates if updates else None
            now = time.perf_counter()
            epoch = EpochMeasurement(number, fmean(episode.score for episode in block), now - started, loss)
            started = now
            yield epoch
            try:
                report(epoch, examples=updates * self._section.batch_size)
            except StoppedEarly:  # caught, so that the agent is measured as it is and its weights are kept
                return


def build(description: Mlp, seed: int) -> MlpNetwork:
    """Return the Q-network, its parameters drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MlpNetwork(description, inputs=OBSERVATIONS, outputs=ACTIONS)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread for the moment: for batches of 64 small rows, more of them only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
