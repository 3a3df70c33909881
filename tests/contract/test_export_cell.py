"""What users get of a recurrent cell: a drawing, a document that a search takes, and source that runs with torch alone."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from hypothesis import given, settings

from nasfleet.document import load
from nasfleet.export import drawing, json_document, pytorch_source
from nasfleet.spaces.building import build_space
from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet_testing.cells import FIGURE_5, cells, exported_layer

torch.set_num_threads(1)


def test_the_drawing_shows_the_tree_from_its_root() -> None:
    assert drawing(FIGURE_5) == (
        "h'  2 sigmoid(elemMult)\n├─  0 tanh(add) of x, h; takes c by relu(add)\n└─  1 relu(elemMult) of x, h; gives c'\n"
    )


@settings(max_examples=20)
@given(cells(max_base=64))
def test_a_drawing_has_a_row_for_each_node_and_80_columns_at_most(cell: RecurrentCell) -> None:
    rows = drawing(cell).splitlines()
    assert len(rows) == len(cell.nodes)
    assert max(map(len, rows)) <= 80


@settings(max_examples=20)
@given(cells())
def test_the_document_of_a_cell_is_what_a_search_takes_to_train_it_again(cell: RecurrentCell) -> None:
    exported = json.loads(json_document(cell))
    section = {
        "base": exported["base"],
        "combinations": ["add", "elemMult", "max"],
        "activations": ["identity", "tanh", "sigmoid", "relu", "sin"],
        "cell": exported["cell"],
    }
    text = f"""
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {{name: again}}
spec:
  searchSpace: {{recurrentCell: {json.dumps(section)}}}
  strategy: {{random: {{}}}}
  task: {{languageModeling: {{}}}}
  reward: {{inverseSquaredPerplexity: {{}}}}
  budget: {{trials: 1}}
"""
    space = build_space(load(text).spec.search_space)
    assert space.decode((0,) * len(space.decisions)) == cell


def test_the_source_runs_as_a_program_with_torch_alone(tmp_path: Path) -> None:
    program = tmp_path / "cell.py"
    program.write_text(pytorch_source(FIGURE_5, 3, 10))
    result = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    # Two leaves, each with two matrices of 64 x 64.
    assert result.stdout == f"output shape [5, 2, 64]\nparameters {2 * 2 * 64 * 64}\n"
    imported = {node.names[0].name for node in ast.walk(ast.parse(program.read_text())) if isinstance(node, ast.Import)}
    assert imported == {"torch"}


@settings(max_examples=20)
@given(cells(max_base=64))
def test_lines_are_short_and_parameters_those_of_the_description(cell: RecurrentCell) -> None:
    assert max(map(len, pytorch_source(cell, 3, 10).splitlines())) <= 100
    layer = exported_layer(cell, 2, 3)
    assert sum(parameter.numel() for parameter in layer.parameters()) == cell.parameters(2, 3)
