"""Architectures drawn with box characters, 80 columns wide at most.

A layer is a row, and its output a line downwards. A dot takes what the line carries; a crossing without a dot does not, as in
circuit diagrams:

    layer  filter  filters
    image                   ─╮
        0  3x3          24  ─●─╮
        1  5x5          36  ─┼─●─╮
        2  3x3          48  ─●─┼─┼─╮
    classifier              ───●─●─●

Between two layers an arrow halves what its line carries, by max pooling.
"""

from collections.abc import Sequence
from typing import assert_never

from nasfleet.export.cell_drawing import cell_drawing
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_layers import (
    ACTIVATIONS,
    BatchNormLayer,
    ContrastNormLayer,
    ConvLayer,
    DropoutLayer,
    Layer,
    PoolLayer,
    strides_of,
)
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import Mlp
from nasfleet.spaces.recurrent_cell import RecurrentCell
from nasfleet.spaces.space import Description

WIDTH = 80


def drawing(description: Description) -> str:
    """Return the architecture as text for a terminal, 80 columns wide at most, but for names and values longer than that."""
    match description:
        case ConvNet():
            return _network(description)
        case Assignment():
            longest = max(map(len, description), default=0)
            return "".join(f"{name:<{longest}}  {value}\n" for name, value in description.items())
        case RecurrentCell():
            return cell_drawing(description)
        case Mlp():
            rows = [f"{number:5}  {layer.width:5}  {layer.activation}" for number, layer in enumerate(description.layers)]
            return "".join(f"{row}\n" for row in ["layer  width  activation", *rows, "output         linear"])
        case _:
            assert_never(description)


def _network(network: ConvNet) -> str:
    table = _table(network)
    # Line 0 carries the image, line n + 1 the output of layer n; the last reader is the classifier.
    reads = [[source + 1 for source in layer.inputs] or [0] for layer in network.layers]
    reads.append([number + 1 for number in network.loose_ends])
    margin, above = max(map(len, table)) + 2, [table[0]]
    labels = [*table[1:], "classifier"]
    if margin + len(reads) > WIDTH:
        # Too many lines to stand beside the figures: those come first, then the lines with the numbers alone.
        margin, above = len("classifier") + 2, [*table, ""]
        labels = [*(str(number).rjust(len("layer")) for number in range(len(network.layers))), "classifier"]
    gap = "─" if margin + 2 * len(reads) <= WIDTH else ""
    rows = ["image".ljust(margin) + gap + "╮"]
    for row, label in enumerate(labels):
        if row in network.pool_after:
            rows.append(("max 2x2" if gap else "pool").rjust(margin - 2).ljust(margin) + _pooled(row, reads, gap))
        rows.append(label.ljust(margin) + _wire(row, reads, gap))
    return "".join(f"{row.rstrip()}\n" for row in [*above, *rows])


def _table(network: ConvNet) -> list[str]:
    """Return a header and a row for each layer; strides and activations only if there are other ones than usual."""
    convolutions = [layer for layer in network.layers if isinstance(layer, ConvLayer)]
    strided = any(strides_of(layer) != (1, 1) for layer in convolutions)
    activated = any(layer.activation != ACTIVATIONS[0] for layer in convolutions)
    rows = [f"layer  filter  {'stride  ' if strided else ''}filters{'  activation' if activated else ''}"]
    for number, layer in enumerate(network.layers):
        figures = _figures(layer, strided=strided, activated=activated) if isinstance(layer, ConvLayer) else _words(layer)
        rows.append(f"{number:5}  {figures}")
    return rows


def _figures(layer: ConvLayer, *, strided: bool, activated: bool) -> str:
    size = f"{layer.filter_height}x{layer.filter_width}"
    stride = f"{layer.stride_height}x{layer.stride_width}".ljust(len("stride  ")) if strided else ""
    activation = f"  {layer.activation.lower()}" if activated else ""
    return f"{size:6}  {stride}{layer.filters:7}{activation}"


def _words(layer: Layer) -> str:
    match layer:
        case PoolLayer():
            return f"{layer.operation.lower()} {layer.size}x{layer.size}"
        case BatchNormLayer():
            return "batch norm"
        case ContrastNormLayer():
            return f"contrast {layer.size}x{layer.size}"
        case DropoutLayer():
            return f"dropout {layer.rate:.4g}"
        case ConvLayer():
            return f"{layer.filter_height}x{layer.filter_width}"
        case _:
            assert_never(layer)


def _pooled(row: int, reads: Sequence[Sequence[int]], gap: str) -> str:
    """Return the line of a pooling before the reader in this row: an arrow on each line that is needed from there on."""
    needed = {line for lines in reads[row:] for line in lines}
    return "".join((" " if gap else "") + ("↓" if line in needed else " ") for line in range(row + 1))


def _wire(row: int, reads: Sequence[Sequence[int]], gap: str) -> str:
    """Return the line across of the reader in this row: over each line down, then round the corner into its own."""
    needed_below = {line for lines in reads[row + 1 :] for line in lines}
    crossed = range(row + 1) if row < len(reads) - 1 else range(max(reads[row]) + 1)
    marks = ["●" if line in reads[row] else "┼" if line in needed_below else "─" for line in crossed]
    if row < len(reads) - 1:
        marks.append("╮")
    return "".join(gap + mark for mark in marks)
