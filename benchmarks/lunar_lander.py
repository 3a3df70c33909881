"""Agents of LunarLander: does a small one solve it, what does the network alone change, and is a search worth its cost?

    python benchmarks/lunar_lander.py solve [--seeds 1]
    python benchmarks/lunar_lander.py study [--seeds 3] [--episodes 700] [--picture docs/images/lunar-lander]
    python benchmarks/lunar_lander.py search [--episodes 60] [--trials 100] [--slots 2]

`solve` trains two hidden layers of 64 units with the task's defaults until the last 100 episodes have a mean score of 200.
`study` repeats the course's: 32-64 relu, 1024-1024 relu and 1024-1024 sigmoid, the score of each episode and its mean over 100
episodes, as SVG and PNG. `search` runs examples/lunar-lander.yaml through the whole system with its strategy and then with
`exhaustive` in its place, with as many episodes for each agent as are given here. Each trains on one thread of the processor.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from matplotlib.figure import Figure
from running import machine, run_search

from nasfleet import document
from nasfleet.catalogue import Exhaustive, LunarLander, Reinforce
from nasfleet.spaces.building import build_space
from nasfleet.spaces.mlp import Mlp, MlpLayer
from nasfleet_cli.comparing.pictures import written
from nasfleet_trainer.deep_q.landing import Training, evaluate, evaluation_seeds
from nasfleet_trainer.networks.mlp import MlpNetwork
from nasfleet_trainer.tasks.lunar_lander import build, one_thread

ROOT = Path(__file__).resolve().parent.parent
CPU = torch.device("cpu")
SOLVER = (64, 64, "relu")
STUDIED = ((32, 64, "relu"), (1024, 1024, "relu"), (1024, 1024, "sigmoid"))
WINDOW = 100
Shape = tuple[int, int, str]


def trained(shape: Shape, section: LunarLander, seed: int) -> tuple[MlpNetwork, list[float], int]:
    """Return an agent with the score of each episode of its training, and the steps that it took."""
    first, second, activation = shape
    network = build(Mlp((MlpLayer(first, activation), MlpLayer(second, activation))), seed)
    training = Training(section, network, seed, CPU)
    scores: list[float] = []
    for episode in training.episodes():
        scores.append(episode.score)
        if len(scores) % 50 == 0:
            print(f"  {name(shape)} seed {seed}: {len(scores)} episodes, last 100 {fmean(scores[-WINDOW:]):.1f}", flush=True)
    return network, scores, training.steps


def name(shape: Shape) -> str:
    """Return what people call a network."""
    return f"{shape[0]}-{shape[1]} {shape[2]}"


def solve(section: LunarLander, seeds: int) -> None:
    """Print for each seed how long an agent trained, and what it is worth on landscapes that it never saw."""
    print("seed | episodes | steps     | steps/s | processor s | last 100 | evaluation")
    for seed in range(seeds):
        wall, processor = time.perf_counter(), time.process_time()
        network, scores, steps = trained(SOLVER, section, seed)
        seconds, busy = time.perf_counter() - wall, time.process_time() - processor
        measured = evaluate(
            network, evaluation_seeds(0, section.evaluation_episodes), episode_steps=section.episode_steps, device=CPU
        )
        print(
            f"{seed:4d} | {len(scores):8d} | {steps:9,d} | {steps / seconds:7.0f} | {busy:11.0f} "
            f"| {fmean(scores[-WINDOW:]):8.1f} | {fmean(measured):10.1f}",
            flush=True,
        )


def study(section: LunarLander, seeds: int, picture: Path) -> None:
    """Train the studied networks and draw the curves of each seed."""
    curves = {shape: [trained(shape, section, seed)[1] for seed in range(seeds)] for shape in STUDIED}
    for shape, of_shape in curves.items():
        last = ", ".join(f"{fmean(scores[-WINDOW:]):.1f}" for scores in of_shape)
        print(f"{name(shape)}: mean of the last {WINDOW} of {section.episodes} episodes, by seed: {last}")
    draw(curves, section.solved_score, picture)


def draw(curves: dict[Shape, list[list[float]]], solved: float, picture: Path) -> None:
    """Write the picture: a panel for each network, scores as dots and their means over 100 episodes as lines."""
    figure = Figure(figsize=(4.5 * len(curves), 3.6), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True)
    for panel, (shape, of_shape) in zip(panels, curves.items(), strict=True):
        for seed, scores in enumerate(of_shape):
            panel.plot(scores, ".", markersize=1.5, alpha=0.25, color=f"C{seed}")
            panel.plot(list(means(scores)), color=f"C{seed}", label=f"seed {seed}")
        panel.axhline(solved, color="black", linewidth=0.8, linestyle="--")
        panel.set(title=name(shape), xlabel="episode", ylim=(-600, 320))
    panels[0].set_ylabel(f"score; line: mean of {WINDOW} episodes")
    panels[-1].legend(loc="lower right")
    picture.parent.mkdir(parents=True, exist_ok=True)
    written(figure, picture)


def means(scores: list[float]) -> Iterator[float]:
    """Yield after each episode the mean of the last 100, or of all while there are fewer."""
    for end in range(1, len(scores) + 1):
        yield fmean(scores[max(0, end - WINDOW) : end])


def search(episodes: int, trials: int, slots: int) -> None:
    """Run both searches and print what each found and what it cost."""
    example = document.load((ROOT / "examples" / "lunar-lander.yaml").read_text())
    assert isinstance(example.spec.task, LunarLander)
    assert isinstance(example.spec.strategy, Reinforce)
    task = replace(example.spec.task, episodes=episodes, evaluation_episodes=20)
    budget = replace(example.spec.budget, trials=trials)
    print("strategy   | trials | seconds | mean   | best   | best network")
    for strategy in (example.spec.strategy, Exhaustive()):
        spec = replace(example.spec, task=task, budget=budget, strategy=strategy)
        made = run_search(replace(example, spec=spec), "--device", "cpu", "--trainers", str(slots))
        rewards = [trial.reward for trial in made.trials if trial.reward is not None]
        best = max(made.trials, key=lambda trial: float("-inf") if trial.reward is None else trial.reward)
        network = build_space(spec.search_space).decode(best.tokens)
        assert isinstance(network, Mlp)
        layers = " ".join(f"{layer.width} {layer.activation}" for layer in network.layers)
        kind = type(strategy).__name__.lower()
        print(
            f"{kind:10} | {len(rewards):6d} | {made.seconds:7.0f} | {fmean(rewards):6.1f} | {max(rewards):6.1f} | {layers}",
            flush=True,
        )
        if isinstance(strategy, Reinforce):
            by_batch = [rewards[start : start + strategy.batch_size] for start in range(0, len(rewards), strategy.batch_size)]
            print("mean score of each iteration:", " ".join(f"{fmean(batch):.0f}" for batch in by_batch))


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    of = {kind: kinds.add_parser(kind) for kind in ("solve", "study", "search")}
    for kind, episodes in (("solve", 1500), ("study", 700), ("search", 60)):
        of[kind].add_argument("--episodes", type=int, default=episodes)
    of["solve"].add_argument("--seeds", type=int, default=1)
    of["study"].add_argument("--seeds", type=int, default=3)
    of["study"].add_argument("--picture", type=Path, default=ROOT / "docs" / "images" / "lunar-lander")
    of["search"].add_argument("--trials", type=int, default=100)
    of["search"].add_argument("--slots", type=int, default=2)
    chosen = parser.parse_args()
    print(machine())
    with one_thread():
        match chosen.kind:
            case "solve":
                solve(LunarLander(episodes=chosen.episodes), chosen.seeds)
            case "study":
                study(LunarLander(episodes=chosen.episodes, stop_when_solved=False), chosen.seeds, chosen.picture)
            case _:
                search(chosen.episodes, chosen.trials, chosen.slots)


if __name__ == "__main__":
    main()
