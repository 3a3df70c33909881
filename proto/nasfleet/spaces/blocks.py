"""Blocks: layers that each stand for several, densely connected, as in the network of 39 layers of Zoph and Le (2017), 4.1.

Every layer of a block is like the one that it comes from. It reads what that one reads, and the earlier layers of its block.
Who reads a block reads all its layers. The paper says "fully connected block" and no more; this is DenseNet's reading of it.
The image is no input among others (figure 7): where a block reads the image, its first layer does.
"""

from collections.abc import Sequence
from dataclasses import replace

from nasfleet.spaces.conv_layers import Layer


def expanded(layers: Sequence[Layer], size: int) -> tuple[Layer, ...]:
    """Return the layers of all blocks in order, `size` to a block."""
    if size == 1:
        return tuple(layers)
    result: list[Layer] = []
    for number, layer in enumerate(layers):
        outside = tuple(source * size + member for source in layer.inputs for member in range(size))
        first = number * size
        result += (replace(layer, inputs=(*outside, *range(first, first + member))) for member in range(size))
    return tuple(result)


def gathered(layers: Sequence[Layer], size: int) -> tuple[Layer, ...]:
    """Return one layer for each block: the inverse of `expanded` for what it can give."""
    return tuple(replace(layer, inputs=tuple(sorted({source // size for source in layer.inputs}))) for layer in layers[::size])
