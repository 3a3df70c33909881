"""One hash for all spellings of a network, so that duplicates can be seen and rewards be reused."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from nasfleet.spaces.conv_layers import figures_of
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import Mlp


def tokens_hash(tokens: Iterable[int]) -> str:
    """Return 16 hexadecimal digits for these tokens."""
    return digest(",".join(map(str, tokens)))


def mlp_hash(network: Mlp) -> str:
    """Return 16 hexadecimal digits for these layers, in whatever order a space lists what they chose from."""
    return digest(repr([(layer.width, layer.activation) for layer in network.layers]))


def conv_net_hash(network: ConvNet) -> str:
    """Return 16 hexadecimal digits that do not depend on the order in which the layers are written.

    Colour refinement (Weisfeiler and Leman 1968) over the graph of layers: layers begin with the colour of their own figures
    and are told apart by the colours they read and are read by, until no more are. If each ends with a colour of its own, as
    nearly always, the colours are an order of the layers and different networks differ. Otherwise each layer that is like
    another is set apart in turn and refined anew, which tells apart all but networks of a regularity that no search meets.
    """
    figures = [figures_of(layer) for layer in network.layers]
    if network.pool_after:
        figures = [(stage, *figure) for stage, figure in zip(network.stages, figures, strict=True)]
    colours = _refined(network, _ranks(figures))
    members = Counter(colours)
    alike = [number for number, colour in enumerate(colours) if members[colour] > 1]
    apart = [[*colours[:number], len(colours), *colours[number + 1 :]] for number in alike]
    colourings = [_refined(network, start) for start in apart] or [colours]
    return digest(repr(sorted(_form(network, figures, colouring) for colouring in colourings)) + _beside_layers(network))


def _beside_layers(network: ConvNet) -> str:
    """Return what counts beside the layers; nothing for a network that has nothing of it."""
    beside = (network.pool_after, network.optimizer, network.learning_rate)
    return repr(beside) if beside != ((), None, None) else ""


def _refined(network: ConvNet, colours: list[int]) -> list[int]:
    """Return the colours once neither what a layer reads nor what reads it tells any more layers apart."""
    readers: list[list[int]] = [[] for _ in colours]
    for number, layer in enumerate(network.layers):
        for source in layer.inputs:
            readers[source].append(number)
    known = 0
    while known < len(set(colours)):
        known = len(set(colours))
        read = [tuple(sorted(colours[source] for source in layer.inputs)) for layer in network.layers]
        read_by = [tuple(sorted(colours[reader] for reader in numbers)) for numbers in readers]
        colours = _ranks(list(zip(colours, read, read_by, strict=True)))
    return colours


def _ranks(signatures: Sequence[tuple[Any, ...]]) -> list[int]:
    """Return the rank of each signature among the different ones, which no order of the layers changes."""
    ranks = {signature: rank for rank, signature in enumerate(sorted(set(signatures)))}
    return [ranks[signature] for signature in signatures]


def _form(network: ConvNet, figures: Sequence[tuple[float, ...]], colours: Sequence[int]) -> list[tuple[Any, ...]]:
    read = [sorted(colours[source] for source in layer.inputs) for layer in network.layers]
    return sorted(zip(colours, figures, read, strict=True))


def digest(text: str) -> str:
    """Return 16 hexadecimal digits for this text."""
    return blake2b(text.encode(), digest_size=8).hexdigest()
