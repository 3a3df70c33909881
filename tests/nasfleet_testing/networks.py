"""Networks that several tests look at."""

from nasfleet.spaces.conv_net import ConvLayer, ConvNet

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
