"""Architectures drawn with box characters, 80 columns wide at most.

A layer is a row, and its output a line downwards. A dot takes what the line carries; a crossing without a dot does not, as in
circuit diagrams:

    layer  filter  filters
    image                   ─╮
        0  3x3          24  ─●─╮
        1  5x5          36  ─┼─●─╮
        2  3x3          48  ─●─┼─┼─╮
    classifier              ───●─●─●
"""

from collections.abc import Sequence
from typing import assert_never

from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import Mlp
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
    margin, above = len(table[0]) + 2, [table[0]]
    labels = [*table[1:], "classifier"]
    if margin + len(reads) > WIDTH:
        # Too many lines to stand beside the figures: those come first, then the lines with the numbers alone.
        margin, above = len("classifier") + 2, [*table, ""]
        labels = [*(str(number).rjust(len("layer")) for number in range(len(network.layers))), "classifier"]
    gap = "─" if margin + 2 * len(reads) <= WIDTH else ""
    wires = [gap + "╮", *(_wire(row, reads, gap) for row in range(len(reads)))]
    rows = [label.ljust(margin) + wire for label, wire in zip(["image", *labels], wires, strict=True)]
    return "".join(f"{row}\n" for row in [*above, *rows])


def _table(network: ConvNet) -> list[str]:
    """Return a header and a row of equal width for each layer; strides only if there are any."""
    strided = any(layer.stride_height > 1 or layer.stride_width > 1 for layer in network.layers)
    rows = [f"layer  filter  {'stride  ' if strided else ''}filters"]
    for number, layer in enumerate(network.layers):
        size = f"{layer.filter_height}x{layer.filter_width}"
        stride = f"{layer.stride_height}x{layer.stride_width}".ljust(len("stride  ")) if strided else ""
        rows.append(f"{number:5}  {size:6}  {stride}{layer.filters:7}")
    return rows


def _wire(row: int, reads: Sequence[Sequence[int]], gap: str) -> str:
    """Return the line across of the reader in this row: over each line down, then round the corner into its own."""
    needed_below = {line for lines in reads[row + 1 :] for line in lines}
    crossed = range(row + 1) if row < len(reads) - 1 else range(max(reads[row]) + 1)
    marks = ["●" if line in reads[row] else "┼" if line in needed_below else "─" for line in crossed]
    if row < len(reads) - 1:
        marks.append("╮")
    return "".join(gap + mark for mark in marks)
