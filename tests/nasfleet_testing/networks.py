"""Networks that several tests look at."""

from dataclasses import replace

from hypothesis import strategies as st

from nasfleet.spaces.conv_layers import (
    ACTIVATIONS,
    POOL_OPERATIONS,
    BatchNormLayer,
    ContrastNormLayer,
    ConvLayer,
    DropoutLayer,
    Layer,
    PoolLayer,
)
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import ACTIVATIONS as MLP_ACTIVATIONS
from nasfleet.spaces.mlp import Mlp, MlpLayer

# Figure 7 of Zoph & Le 2017, layers counted from 1 as there: height, width, filters, layers read.
_FIGURE_7 = (
    (3, 3, 36, ()),
    (3, 3, 48, (1,)),
    (3, 3, 36, (1, 2)),
    (5, 5, 36, (1, 2, 3)),
    (3, 7, 48, (3, 4)),
    (7, 7, 48, (2, 3, 4, 5)),
    (7, 7, 48, (2, 3, 4, 5, 6)),
    (7, 3, 36, (1, 6, 7)),
    (7, 1, 36, (1, 5, 6, 8)),
    (7, 7, 36, (1, 3, 4, 5, 6, 7, 8, 9)),
    (5, 7, 36, (1, 2, 5, 6, 7, 8, 9, 10)),
    (7, 7, 48, (1, 2, 3, 4, 6, 11)),
    (7, 5, 48, (1, 3, 6, 7, 8, 9, 10, 11, 12)),
    (7, 5, 48, (3, 7, 12, 13)),
    (7, 5, 48, (2, 7, 11, 12, 13, 14)),
)
ZOPH_V1 = ConvNet(
    tuple(
        ConvLayer(filter_height=height, filter_width=width, filters=filters, inputs=tuple(number - 1 for number in read))
        for height, width, filters, read in _FIGURE_7
    )
)


@st.composite
def conv_nets(draw: st.DrawFn, max_layers: int = 6, *, only_convolutions: bool = False) -> ConvNet:
    """Return a network of any shape, with strides or without; its layers are small, so that it can be run."""
    strides = st.integers(1, 3) if draw(st.booleans()) else st.just(1)
    convolutions = _convolutions(strides, only_convolutions=only_convolutions)
    kinds = convolutions if only_convolutions or draw(st.booleans()) else convolutions | _others
    layers: list[Layer] = []
    for number in range(draw(st.integers(1, max_layers))):
        connected = draw(st.integers(0, 2**number - 1))
        inputs = tuple(source for source in range(number) if connected >> source & 1)
        layers.append(replace(draw(kinds), inputs=inputs))
    pools = draw(st.sets(st.integers(1, len(layers) - 1), max_size=2)) if len(layers) > 1 and not only_convolutions else set()
    return ConvNet(tuple(layers), tuple(sorted(pools)))


def _convolutions(strides: st.SearchStrategy[int], *, only_convolutions: bool) -> st.SearchStrategy[Layer]:
    return st.builds(
        ConvLayer,
        filter_height=st.sampled_from([1, 3, 5, 7]),
        filter_width=st.sampled_from([1, 3, 5, 7]),
        filters=st.integers(1, 6),
        stride_height=strides,
        stride_width=strides,
        activation=st.sampled_from(ACTIVATIONS[:1] if only_convolutions else ACTIVATIONS),
    )


_others: st.SearchStrategy[Layer] = (
    st.builds(PoolLayer, operation=st.sampled_from(POOL_OPERATIONS), size=st.integers(2, 4))
    | st.builds(BatchNormLayer)
    | st.builds(ContrastNormLayer, size=st.sampled_from([3, 5, 9]))
    | st.builds(DropoutLayer, rate=st.sampled_from([0.1, 0.25, 0.5]))
)


def mlps(max_layers: int = 4) -> st.SearchStrategy[Mlp]:
    """Return networks of any number of layers; they are narrow, so that they can be run."""
    layers = st.builds(MlpLayer, st.integers(1, 9), st.sampled_from(MLP_ACTIVATIONS))
    return st.lists(layers, min_size=1, max_size=max_layers).map(tuple).map(Mlp)
