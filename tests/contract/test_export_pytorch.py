"""Exported source runs with torch alone, and is the network that the search trained."""

import ast
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet.errors import InvalidInputError
from nasfleet.export import pytorch_source
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_layers import ConvLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_testing.networks import ZOPH_V1, conv_nets
from nasfleet_trainer.networks.conv_net import ConvNetwork

torch.set_num_threads(1)


def built(network: ConvNet, channels: int = 3, classes: int = 10) -> Any:
    module: dict[str, Any] = {"__name__": "exported"}
    exec(compile(pytorch_source(network, channels, classes), "exported.py", "exec"), module)
    return module["Network"]()


def test_the_papers_network_runs_as_a_program(tmp_path: Any) -> None:
    program = tmp_path / "network.py"
    program.write_text(pytorch_source(ZOPH_V1, 3, 10))
    # Outside the repository and without its packages: torch is all that it needs.
    command = [sys.executable, str(program)]
    result = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True
    )
    assert result.stdout == f"output shape [2, 10]\nparameters {4_201_140 + 490}\n"
    imported = {node.names[0].name for node in ast.walk(ast.parse(program.read_text())) if isinstance(node, ast.Import)}
    assert imported == {"torch"}


def test_source_says_how_the_network_was_trained_where_that_was_chosen() -> None:
    source = pytorch_source(replace(ZOPH_V1, optimizer="Adam", learning_rate=0.01), 3, 10)
    assert source.split('"""')[1].splitlines()[2] == "It was trained by Adam with the step size 0.01."


@settings(max_examples=40, deadline=None)
@given(conv_nets(), st.integers(1, 4), st.integers(1, 12))
def test_parameters_are_those_of_the_description(network: ConvNet, channels: int, classes: int) -> None:
    module = built(network, channels, classes)
    counted = sum(parameter.numel() for parameter in module.parameters())
    assert counted == network.parameters(channels) + (network.classifier_inputs(channels) + 1) * classes


@settings(max_examples=40, deadline=None)
@given(conv_nets(), st.integers(5, 12), st.integers(5, 12))
def test_trained_weights_load_and_compute_the_same(network: ConvNet, height: int, width: int) -> None:
    trained = ConvNetwork(network, channels=3, classes=10).eval()
    exported = built(network).eval()
    exported.load_state_dict(trained.state_dict())
    images = torch.randn(2, 3, height, width)
    with torch.no_grad():
        torch.testing.assert_close(exported(images), trained(images))


@settings(max_examples=20, deadline=None)
@given(conv_nets(), st.integers(1, 40), st.integers(1, 40))
def test_maps_have_the_sizes_of_the_description(network: ConvNet, height: int, width: int) -> None:
    sizes: list[tuple[int, ...]] = []
    module = built(network).eval()
    for layer in module.layers:
        layer.register_forward_hook(lambda _layer, _inputs, output: sizes.append(tuple(output.shape[2:])))
    with torch.no_grad():
        module(torch.zeros(1, 3, height, width))
    assert tuple(sizes) == network.sizes(height, width)


@given(conv_nets(max_layers=64))
def test_lines_are_short(network: ConvNet) -> None:
    source = pytorch_source(network, 3, 10)
    compile(source, "exported.py", "exec")
    assert max(map(len, source.splitlines())) <= 100


def test_source_is_plain_where_the_network_is() -> None:
    layer = ConvLayer(filter_height=3, filter_width=3, filters=24)
    source = pytorch_source(ConvNet((layer,)), 1, 10)
    assert "1 convolution, 514 parameters in all" in source
    assert "torch.cat" not in source
    assert "functional" not in source


@pytest.mark.parametrize(("channels", "classes"), [(0, 10), (3, 0)])
def test_impossible_shapes_are_refused(channels: int, classes: int) -> None:
    with pytest.raises(InvalidInputError, match="at least 1"):
        pytorch_source(ZOPH_V1, channels, classes)


def test_a_list_of_values_has_no_source() -> None:
    with pytest.raises(InvalidInputError, match="export it as JSON"):
        pytorch_source(Assignment((("rate", 0.1),)), 3, 10)
