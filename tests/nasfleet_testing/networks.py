"""Networks that several tests look at."""

from hypothesis import strategies as st

from nasfleet.spaces.conv_net import ConvLayer, ConvNet
from nasfleet.spaces.mlp import ACTIVATIONS, Mlp, MlpLayer

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
def conv_nets(draw: st.DrawFn, max_layers: int = 6) -> ConvNet:
    """Return a network of any shape, with strides or without; its layers are small, so that it can be run."""
    strides = st.integers(1, 3) if draw(st.booleans()) else st.just(1)
    layers: list[ConvLayer] = []
    for number in range(draw(st.integers(1, max_layers))):
        connected = draw(st.integers(0, 2**number - 1))
        layers.append(
            ConvLayer(
                filter_height=draw(st.sampled_from([1, 3, 5, 7])),
                filter_width=draw(st.sampled_from([1, 3, 5, 7])),
                filters=draw(st.integers(1, 6)),
                stride_height=draw(strides),
                stride_width=draw(strides),
                inputs=tuple(source for source in range(number) if connected >> source & 1),
            )
        )
    return ConvNet(tuple(layers))


def mlps(max_layers: int = 4) -> st.SearchStrategy[Mlp]:
    """Return networks of any number of layers; they are narrow, so that they can be run."""
    layers = st.builds(MlpLayer, st.integers(1, 9), st.sampled_from(ACTIVATIONS))
    return st.lists(layers, min_size=1, max_size=max_layers).map(tuple).map(Mlp)
