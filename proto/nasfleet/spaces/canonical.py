"""One hash for all spellings of a network, so that duplicates can be seen and rewards be reused."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from nasfleet.spaces.conv_net import ConvLayer, ConvNet


def tokens_hash(tokens: Iterable[int]) -> str:
    """Return 16 hexadecimal digits for these tokens."""
    return _digest(",".join(map(str, tokens)))


def conv_net_hash(network: ConvNet) -> str:
    """Return 16 hexadecimal digits that do not depend on the order in which the layers are written.

    Colour refinement (Weisfeiler and Leman 1968) over the graph of layers: layers begin with the colour of their own figures,
    and are told apart by the colours they read and are read by until no more are. Where each layer ends with a colour of its
    own, as nearly always, different networks have different forms; two may share one only if refinement cannot tell their
    layers apart.
    """
    readers: list[list[int]] = [[] for _ in network.layers]
    for number, layer in enumerate(network.layers):
        for source in layer.inputs:
            readers[source].append(number)
    figures = [_figures(layer) for layer in network.layers]
    colours, count = _ranks(figures)
    while True:
        read = [tuple(sorted(colours[source] for source in layer.inputs)) for layer in network.layers]
        read_by = [tuple(sorted(colours[reader] for reader in readers[number])) for number in range(len(network.layers))]
        colours, refined = _ranks(list(zip(colours, read, read_by, strict=True)))
        if refined == count:
            break
        count = refined
    sources = [sorted(colours[source] for source in layer.inputs) for layer in network.layers]
    form = sorted(zip(colours, figures, sources, strict=True))
    return _digest(repr(form))


def _figures(layer: ConvLayer) -> tuple[int, ...]:
    return (layer.filter_height, layer.filter_width, layer.stride_height, layer.stride_width, layer.filters)


def _ranks(signatures: Sequence[tuple[Any, ...]]) -> tuple[list[int], int]:
    """Return the rank of each signature among the different ones, which no order of layers changes, and how many differ."""
    ranks = {signature: rank for rank, signature in enumerate(sorted(set(signatures)))}
    return [ranks[signature] for signature in signatures], len(ranks)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
