"""The lunar lander task from one end to the other, in the real environment, with trainings of a few episodes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
import safetensors.torch
import torch

from nasfleet.catalogue import EpsilonDecay, LunarLander, MlpChoices, SearchSpaceSection
from nasfleet.export import pytorch_source
from nasfleet.measurement import EpochMeasurement, Measurement
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.mlp import Mlp, MlpLayer
from nasfleet_testing.specs import smallest_spec
from nasfleet_trainer.course import StoppedEarly
from nasfleet_trainer.deep_q.landing import Training, evaluate, evaluation_seeds
from nasfleet_trainer.failures import CannotBuildError, TrainerUnableError
from nasfleet_trainer.inheritance import bequeath, inherit, layers_folder
from nasfleet_trainer.tasks.lunar_lander import LunarLanderTask, build
from nasfleet_trainer.tasks.task import ChildRun

CPU = torch.device("cpu")
CHILD = Mlp((MlpLayer(8, "relu"), MlpLayer(4, "tanh")))
TINY: dict[str, Any] = {"episodes": 5, "report_episodes": 2, "evaluation_episodes": 3, "episode_steps": 60, "batch_size": 8}
TRIAL = "namespaces/default/searches/lander/trials/3"


def child_run(task: LunarLander, description: Any = CHILD, *, seed: int = 1, artifacts_dir: Path | None = None) -> ChildRun:
    spec = smallest_spec(task=task, search_space=SearchSpaceSection(space=MlpChoices()))
    return ChildRun(description, (0, 0), seed, spec, TRIAL, artifacts_dir=artifacts_dir)


def silent(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
    """Take an epoch and say nothing."""


def trained(**changes: Any) -> Measurement:
    of_the_run = {name: changes.pop(name) for name in ("seed", "artifacts_dir") if name in changes}
    task = LunarLander(**(TINY | changes))
    return LunarLanderTask(task).train(child_run(task, **of_the_run), silent)


def test_the_measurement_says_what_the_agent_is_and_what_it_cost() -> None:
    reported: list[tuple[EpochMeasurement, int | None]] = []
    task = LunarLander(**TINY)
    threads = torch.get_num_threads()
    measurement = LunarLanderTask(task).train(
        child_run(task), lambda epoch, *, examples=None: reported.append((epoch, examples))
    )
    assert tuple(epoch for epoch, _ in reported) == measurement.epochs
    assert [epoch.epoch for epoch in measurement.epochs] == [1, 2, 3], "blocks of two episodes, and what is left"
    assert measurement.parameters == 9 * 8 + 9 * 4 + 5 * 4
    assert measurement.steps is not None
    assert 5 * 40 < measurement.steps <= 5 * 60
    # Every fourth step an update of eight steps, once there are eight.
    assert sum(examples or 0 for _, examples in reported) == (measurement.steps // 4 - 1) * 8
    assert measurement.seconds >= sum(epoch.seconds for epoch in measurement.epochs)
    assert torch.get_num_threads() == threads


def test_an_agent_whose_training_is_stopped_early_is_measured_as_it_is(tmp_path: Path) -> None:
    def report(epoch: EpochMeasurement, *, examples: int | None = None) -> None:
        if epoch.epoch == 2:
            raise StoppedEarly

    task = LunarLander(**TINY)
    stopped = LunarLanderTask(task).train(child_run(task, artifacts_dir=tmp_path), report)
    shorter = trained(episodes=4)
    assert [epoch.value for epoch in stopped.epochs] == [epoch.value for epoch in shorter.epochs]
    assert (stopped.value, stopped.steps) == (shorter.value, shorter.steps)
    assert stopped.weights_uri is not None


def test_an_agent_follows_from_its_seed() -> None:
    def figures(measurement: Measurement) -> object:
        return measurement.value, measurement.steps, [(epoch.value, epoch.loss) for epoch in measurement.epochs]

    assert figures(trained(seed=7)) == figures(trained(seed=7))
    assert figures(trained(seed=7)) != figures(trained(seed=8))


def test_the_value_is_the_mean_score_of_the_kept_network_on_the_search_s_landscapes(tmp_path: Path) -> None:
    measurement = trained(artifacts_dir=tmp_path)
    path = Path(url2pathname(urlparse(measurement.weights_uri or "").path))
    network = build(CHILD, 0)
    network.load_state_dict(safetensors.torch.load_file(path))
    scores = evaluate(network, evaluation_seeds(0, 3), episode_steps=60, device=CPU)
    assert sum(scores) / 3 == pytest.approx(measurement.value)
    facts = json.loads((path.parent / "trial-3.json").read_text())
    assert facts["meanScore"] == facts["value"] == measurement.value
    exported: dict[str, Any] = {"__name__": "exported"}
    exec(compile(pytorch_source(CHILD, 8, 4, 1), "exported.py", "exec"), exported)
    exported["Network"]().load_state_dict(network.state_dict())


def episodes_of(**changes: Any) -> tuple[int, Training]:
    training = Training(LunarLander(**(TINY | changes)), build(CHILD, 1), 1, CPU)
    return sum(1 for _ in training.episodes()), training


def test_a_training_ends_when_the_task_is_solved_and_not_before() -> None:
    easy = {"solved_score": -1e6, "solved_episodes": 3}
    assert episodes_of(**easy)[0] == 3
    assert episodes_of(**easy, stop_when_solved=False)[0] == 5
    assert episodes_of(solved_score=1e6, solved_episodes=3)[0] == 5


def test_no_episode_begins_after_the_last_step() -> None:
    count, training = episodes_of(steps=1)
    assert (count, training.steps > 1) == (1, True)


@pytest.mark.parametrize(("each", "times"), [(EpsilonDecay.EPISODE, 5), (EpsilonDecay.STEP, None)])
def test_the_share_of_random_actions_falls_by_episode_or_by_step(each: EpsilonDecay, times: int | None) -> None:
    _, training = episodes_of(epsilon_decay=0.999, epsilon_decay_each=each, epsilon_end=0.0)
    assert training._epsilon == pytest.approx(0.999 ** (times or training.steps))


def test_the_share_of_random_actions_does_not_fall_below_its_end() -> None:
    assert episodes_of(epsilon_decay=0.5, epsilon_end=0.2)[1]._epsilon == 0.2


def test_an_episode_that_only_ran_out_of_time_is_not_taken_for_an_end() -> None:
    _, training = episodes_of(episode_steps=10)
    assert training._replay._rows[: training.steps, -1].all(), "no lander comes down in ten steps"


def test_what_is_no_fully_connected_network_is_not_trained() -> None:
    task = LunarLander(**TINY)
    with pytest.raises(CannotBuildError, match="search mlp"):
        LunarLanderTask(task).train(child_run(task, Assignment((("width", 8),))), silent)


def test_layers_are_inherited_by_place_width_and_activation_where_the_shapes_fit(tmp_path: Path) -> None:
    parent = build(CHILD, 1)
    bequeath(parent, CHILD, tmp_path)
    heir = build(CHILD, 2)
    assert inherit(heir, CHILD, tmp_path) == [0, 1]
    for layer, theirs in zip(heir.layers, parent.layers, strict=True):
        torch.testing.assert_close(layer.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    assert not torch.equal(heir.output.weight, parent.output.weight), "the output layer is its own"
    others = {
        Mlp((MlpLayer(9, "relu"), MlpLayer(4, "tanh"))): [],  # the second layer's file is there, but it reads 8 values
        Mlp((MlpLayer(8, "tanh"), MlpLayer(4, "tanh"))): [1],
        Mlp((MlpLayer(4, "tanh"), MlpLayer(8, "relu"))): [],
    }
    for description, inherited in others.items():
        assert inherit(build(description, 3), description, tmp_path) == inherited, description


def test_a_child_begins_with_the_layers_of_the_one_before_it_through_the_artifacts(tmp_path: Path) -> None:
    alone = trained(seed=9)
    first = trained(seed=9, inherit_layers=True, artifacts_dir=tmp_path)
    second = trained(seed=9, inherit_layers=True, artifacts_dir=tmp_path)
    assert first.epochs[-1].loss == alone.epochs[-1].loss, "there was nothing to inherit"
    assert second.epochs[-1].loss != first.epochs[-1].loss
    names = sorted(path.name for path in layers_folder(tmp_path, TRIAL).iterdir())
    assert names == ["layer0-8-relu.safetensors", "layer1-4-tanh.safetensors"]


def test_without_a_place_for_layers_nothing_is_trained() -> None:
    with pytest.raises(TrainerUnableError, match=r"give spec\.artifacts, or start the trainer with --artifacts"):
        trained(inherit_layers=True)


def test_a_damaged_layer_is_named(tmp_path: Path) -> None:
    (tmp_path / "layer0-8-relu.safetensors").write_bytes(b"nothing")
    with pytest.raises(TrainerUnableError, match=r"layer0-8-relu\.safetensors cannot be read"):
        inherit(build(CHILD, 1), CHILD, tmp_path)


def test_all_agents_of_a_search_are_measured_on_the_same_landscapes() -> None:
    task = LunarLander(**TINY)
    run = child_run(task)
    assert evaluation_seeds(run.spec.seed, 3) == evaluation_seeds(replace(run, seed=99).spec.seed, 3)
