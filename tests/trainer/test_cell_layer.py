"""A layer of a recurrent cell computes what the paper says, and its gradient by hand is that of autograd."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell
from nasfleet_testing.cells import FIGURE_5, cells, exported_layer
from nasfleet_trainer.networks.cell_layer import CellLayer

torch.set_num_threads(1)


def test_the_worked_example_of_figure_5_gives_the_numbers_that_a_hand_computes() -> None:
    w1, w2, w3, w4 = 0.5, -1.5, 2.0, -0.25
    x, h, c = 0.8, 0.4, -0.3
    a0 = math.tanh(w1 * x + w2 * h)
    a1 = max(0.0, (w3 * x) * (w4 * h))  # 0: the product is negative
    new_a0 = max(0.0, a0 + c)  # injected: relu(a0 + c), 0 here
    expected_h = 1 / (1 + math.exp(-(new_a0 * a1)))
    expected_c = (w3 * x) * (w4 * h)  # of node 1, before its rectifier: -0.16

    layer = CellLayer(FIGURE_5, 1, 1)
    with torch.no_grad():
        layer.input.weight.copy_(torch.tensor([[w1], [w3]]))
        layer.recurrent.weight.copy_(torch.tensor([[w2], [w4]]))
        outputs, state = layer(torch.tensor([[[x]]]), torch.tensor([[[h]], [[c]]]), None)

    assert outputs.item() == state[0].item()
    torch.testing.assert_close(state.flatten(), torch.tensor([expected_h, expected_c]))


def test_the_cell_state_counts_where_the_injection_lets_it_through() -> None:
    layer = CellLayer(FIGURE_5, 1, 1)
    with torch.no_grad():
        layer.input.weight.copy_(torch.tensor([[0.5], [2.0]]))
        layer.recurrent.weight.copy_(torch.tensor([[1.0], [0.25]]))
        _, state = layer(torch.tensor([[[0.8]]]), torch.tensor([[[0.4]], [[0.9]]]), None)
    # relu(tanh(0.5 * 0.8 + 0.4) + 0.9) * relu(2 * 0.8 * 0.25 * 0.4), through the sigmoid
    expected = 1 / (1 + math.exp(-(math.tanh(0.8) + 0.9) * 0.16))
    assert math.isclose(state[0].item(), expected, rel_tol=1e-6)


@settings(max_examples=60, deadline=None)
@given(cells(), st.integers(1, 4), st.sampled_from(["masked", "whole"]), st.integers(0, 2**32 - 1))
def test_outputs_and_gradients_are_those_of_the_exported_source(cell: RecurrentCell, steps: int, read: str, seed: int) -> None:
    torch.manual_seed(seed)
    trained, exported = CellLayer(cell, 3, 4).double(), exported_layer(cell, 3, 4).double()
    exported.load_state_dict(trained.state_dict())
    inputs = torch.randn(steps, 2, 3, dtype=torch.double, requires_grad=True)
    state = torch.randn(2, 2, 4, dtype=torch.double, requires_grad=True)
    mask = torch.randint(0, 2, (2, 4)).double() * 2 if read == "masked" else None

    outputs, after = trained(inputs, state, mask)
    expected, expected_after = _with_mask(exported, inputs, state, mask)

    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(after, expected_after)
    weights = torch.randn_like(outputs), torch.randn_like(after)
    wanted = [inputs, state, *trained.parameters()]
    loss = (outputs * weights[0]).sum() + (after * weights[1]).sum()
    expected_loss = (expected * weights[0]).sum() + (expected_after * weights[1]).sum()
    for ours, theirs in zip(
        torch.autograd.grad(loss, wanted),
        torch.autograd.grad(expected_loss, [inputs, state, *exported.parameters()], materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def _with_mask(
    layer: torch.nn.Module, inputs: torch.Tensor, state: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what exported source gives if each last output is multiplied by the mask before a step reads it."""
    h, c = state[0], state[1]
    outputs = []
    for step in inputs.unbind(0):
        _, (h, c) = layer(step.unsqueeze(0), (h if mask is None else h * mask, c))
        outputs.append(h)
    return torch.stack(outputs), torch.stack((h, c))


def test_equal_operands_of_a_maximum_share_its_gradient() -> None:
    # Leaves with equal matrices: both are the greater one, and each gets half, as torch.maximum has it.
    cell = RecurrentCell(
        (Operation("add", "identity"),) * 2 + (Operation("max", "identity"),), Operation("add", "identity"), 0, 2
    )
    layer = CellLayer(cell, 1, 1)
    torch.nn.init.ones_(layer.input.weight)
    torch.nn.init.ones_(layer.recurrent.weight)
    outputs, _ = layer(torch.ones(1, 1, 1), torch.zeros(2, 1, 1), None)
    (gradient,) = torch.autograd.grad(outputs.sum(), [layer.input.weight])
    assert gradient.flatten().tolist() == [0.5, 0.5]


def test_nothing_is_kept_for_a_gradient_where_none_is_wanted() -> None:
    layer = CellLayer(FIGURE_5, 1, 1)
    with torch.inference_mode():
        outputs, _ = layer(torch.ones(3, 1, 1), torch.zeros(2, 1, 1), None)
    assert outputs.grad_fn is None
