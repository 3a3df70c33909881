"""The searches for recurrent cells at the size that their files give for a CPU, and smaller."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasfleet import document
from nasfleet.catalogue import LanguageModeling
from nasfleet_testing.pages import ROOT

SMALLER = {
    "trials: 16": "trials: 2",
    "trials: 3": "trials: 2",
    "epochs: 4": "epochs: 1",
    "epochs: 2": "epochs: 1",
    "trainingTokens: 8000": "trainingTokens: 1000",
    "trainingTokens: 20000": "trainingTokens: 4000",
    "validationTokens: 5000": "validationTokens: 1000",
}
EXAMPLES = ["ptb-cell", "ptb-cell-max-sin", "cell-to-characters"]


@pytest.fixture(params=EXAMPLES)
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return what the command in the example makes of it, beside a copy of it."""
    (tmp_path / "examples").mkdir()
    example = Path(shutil.copy(ROOT / "examples" / f"{request.param}.yaml", tmp_path / "examples"))
    (command,) = (line.removeprefix("#   ") for line in example.read_text().splitlines() if line.startswith("#   sed "))
    subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path, timeout=10)
    return tmp_path / "small.yaml"


def test_the_paper_s_example_has_the_paper_s_constants() -> None:
    spec = document.load((ROOT / "examples" / "ptb-cell.yaml").read_text(encoding="utf-8")).spec
    bare = document.load(
        """
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {name: bare}
spec:
  searchSpace: {recurrentCell: {}}
  strategy: {reinforce: {learningRate: 5e-4, batchSize: 1}}
  task: {languageModeling: {corpus: pennTreebank, trainingTokens: 929589, validationTokens: 73760, capturedSteps: true}}
  reward: {inverseSquaredPerplexity: {}}
  budget: {trials: 15000}
  parallelism: 400
"""
    ).spec
    assert spec == bare


def test_the_small_search_is_the_large_one_but_for_its_size(small: Path) -> None:
    (example,) = (small.parent / "examples").glob("*.yaml")
    large, reduced = (document.load(file.read_text()) for file in (example, small))

    assert large.name != reduced.name
    assert isinstance(large.spec.task, LanguageModeling)
    assert isinstance(reduced.spec.task, LanguageModeling)
    assert (reduced.spec.task.target_parameters, reduced.spec.task.epochs) < (
        large.spec.task.target_parameters,
        large.spec.task.epochs,
    )
    assert reduced.spec.search_space == large.spec.search_space
    assert reduced.spec.strategy == large.spec.strategy
    assert reduced.spec.reward == large.spec.reward


def test_the_small_search_runs_on_a_cpu(small: Path) -> None:
    text = small.read_text()
    for size, smaller in SMALLER.items():
        text = re.sub(f"{size}$", smaller, text, flags=re.MULTILINE)
    assert "trials: 2\n" in text
    assert "epochs: 1\n" in text
    small.write_text(text)

    command = [sys.executable, "-m", "nasfleet_cli", "run", "small.yaml", "--device", "cpu"]
    ended = subprocess.run(command, check=False, cwd=small.parent, capture_output=True, text=True, timeout=240)

    assert ended.returncode == 0, ended.stderr
    assert "all 2 trials are settled" in ended.stdout
