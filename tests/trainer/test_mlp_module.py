"""The fully connected child network is what its description says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet.errors import InvalidInputError
from nasfleet.export import drawing, json_document, pytorch_source
from nasfleet.spaces.mlp import ACTIVATIONS, Mlp, MlpLayer
from nasfleet_testing.networks import mlps
from nasfleet_trainer.networks.mlp import MlpNetwork

TWO = Mlp((MlpLayer(64, "relu"), MlpLayer(256, "sigmoid")))
# By their definitions, at -1 and 2.
VALUES = {
    "relu": (0.0, 2.0),
    "sigmoid": (1 / (1 + 2.718281828), 1 / (1 + 0.135335283)),
    "tanh": (-0.761594156, 0.964027580),
    "elu": (0.367879441 - 1, 2.0),
    "gelu": (-0.158655254, 2 * 0.977249868),
    "silu": (-1 / (1 + 2.718281828), 2 / (1 + 0.135335283)),
    "leakyRelu": (-0.01, 2.0),
}


def exported(network: Mlp, inputs: int, outputs: int) -> Any:
    module: dict[str, Any] = {"__name__": "exported"}
    exec(compile(pytorch_source(network, inputs, outputs, 1), "exported.py", "exec"), module)
    return module["Network"]()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation_computes_its_formula_in_the_child_and_in_the_export(activation: str) -> None:
    description = Mlp((MlpLayer(1, activation),))
    for network in (MlpNetwork(description, inputs=1, outputs=1), exported(description, 1, 1)):
        for parameter in network.parameters():
            torch.nn.init.constant_(parameter, float(parameter.dim() == 2))  # weights 1, biases 0
        with torch.no_grad():
            computed = network(torch.tensor([[-1.0], [2.0]])).flatten()
        torch.testing.assert_close(computed, torch.tensor(VALUES[activation]))


@settings(deadline=None, max_examples=30)
@given(mlps(), st.integers(1, 5), st.integers(1, 5))
def test_parameters_are_those_of_the_description(network: Mlp, inputs: int, outputs: int) -> None:
    child = MlpNetwork(network, inputs=inputs, outputs=outputs)
    assert sum(parameter.numel() for parameter in child.parameters()) == network.parameters(inputs, outputs)
    weights = [parameter.numel() for parameter in child.parameters() if parameter.dim() == 2]
    assert sum(weights) == network.multiply_adds(inputs, outputs)


@settings(deadline=None, max_examples=30)
@given(mlps(), st.integers(1, 5), st.integers(1, 5))
def test_trained_weights_load_into_the_export_and_compute_the_same(network: Mlp, inputs: int, outputs: int) -> None:
    trained, taken = MlpNetwork(network, inputs=inputs, outputs=outputs), exported(network, inputs, outputs)
    taken.load_state_dict(trained.state_dict())
    values = torch.randn(3, inputs)
    with torch.no_grad():
        torch.testing.assert_close(taken(values), trained(values))


def test_the_export_runs_as_a_program_with_torch_alone(tmp_path: Path) -> None:
    program = tmp_path / "network.py"
    program.write_text(pytorch_source(TWO, 1, 10, 8))
    ran = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    # 64 pixels: 65 x 64, then 65 x 256, then 257 x 10.
    assert ran.stdout == f"output shape [2, 10]\nparameters {65 * 64 + 65 * 256 + 257 * 10}\n"


def test_a_network_without_inputs_is_not_exported() -> None:
    with pytest.raises(InvalidInputError, match="0 inputs and 4 outputs: give at least 1"):
        pytorch_source(TWO, 0, 4, 1)


def test_the_drawing_and_the_document_show_every_layer() -> None:
    assert drawing(TWO).splitlines() == [
        "layer  width  activation",
        "    0     64  relu",
        "    1    256  sigmoid",
        "output         linear",
    ]
    assert json.loads(json_document(TWO)) == {
        "kind": "Mlp",
        "layers": [{"width": 64, "activation": "relu"}, {"width": 256, "activation": "sigmoid"}],
    }
