"""The paper's searches at the size that its file gives for a CPU."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasfleet import document
from nasfleet.catalogue import ImageClassification
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_testing.image_files import write_binary
from nasfleet_testing.pages import ROOT

SMALLER = {
    "trials: 16": "trials: 2",
    "trainingExamples: 512": "trainingExamples: 64",
    "validationExamples: 500": "validationExamples: 36",
}


EXAMPLES = ["cifar10", "cifar10-chain", "cifar10-strides", "cifar10-pooling"]


@pytest.fixture(params=EXAMPLES)
def small(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return what the command in the example makes of it, beside a copy of it."""
    (tmp_path / "examples").mkdir()
    example = Path(shutil.copy(ROOT / "examples" / f"{request.param}.yaml", tmp_path / "examples"))
    (command,) = (line.removeprefix("#   ") for line in example.read_text().splitlines() if line.startswith("#   sed "))
    subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path, timeout=10)
    return tmp_path / "small.yaml"


def test_the_small_search_is_the_paper_s_but_for_its_size(small: Path) -> None:
    (example,) = (small.parent / "examples").iterdir()
    paper, reduced = (document.load(file.read_text()) for file in (example, small))

    assert paper.name != reduced.name
    assert isinstance(paper.spec.task, ImageClassification)
    assert isinstance(reduced.spec.task, ImageClassification)
    assert (reduced.spec.budget.trials, reduced.spec.task.epochs) < (paper.spec.budget.trials, paper.spec.task.epochs)
    assert reduced.spec.strategy == paper.spec.strategy
    assert reduced.spec.reward == paper.spec.reward
    assert reduced.spec.task.learning_rate == paper.spec.task.learning_rate


def test_the_pooling_example_ends_at_the_papers_39_layers() -> None:
    section = document.load((ROOT / "examples" / "cifar10-pooling.yaml").read_text()).spec.search_space
    space = build_space(section, layers_at(section, 7999))
    network = space.decode((0,) * sum(decision.width for decision in space.decisions))
    assert isinstance(network, ConvNet)
    assert (len(network.layers), network.pool_after) == (39, (13, 24))
    assert layers_at(section, 0) == 5


def test_the_small_search_runs_on_a_cpu(small: Path) -> None:
    text = small.read_text()
    for size, smaller in SMALLER.items():
        assert size in text
        text = text.replace(size, smaller)
    small.write_text(text)
    write_binary(small.parent / "data", images_each=20)

    command = [sys.executable, "-m", "nasfleet_cli", "run", "small.yaml", "--data-dir", "data", "--device", "cpu"]
    ended = subprocess.run(command, check=False, cwd=small.parent, capture_output=True, text=True, timeout=240)

    assert ended.returncode == 0, ended.stderr
    assert "all 2 trials are settled" in ended.stdout
