"""Chains of convolutions: the space of Zoph & Le (2016)."""

from collections.abc import Iterator

from nasfleet.catalogue.block import Block, block
from nasfleet.catalogue.parameter import Named, parameter
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.catalogue.rule import Rule
from nasfleet.spaces.conv_layers import MAX_FILTERS
from nasfleet.spaces.conv_net import MAX_LAYERS

SPACE_SOURCE = "Zoph & Le 2016, section 4.1"
_TYPES_SOURCE = "Zoph & Le 2016, section 3.3, which names the types and gives no values"


class AnchorOrder(Named):
    """Where a layer's skip connections stand among its decisions; figure 4 of Zoph & Le 2016 shows both."""

    AFTER_FILTER_COUNT = "AfterFilterCount", "After the number of filters, at the end of the layer."
    BEFORE_FILTER_COUNT = "BeforeFilterCount", "Before the number of filters."


class LayerType(Named):
    """What a layer is."""

    CONVOLUTION = "Convolution", "A convolution with batch normalisation and an activation."
    POOLING = "Pooling", "A pooling of windows that do not overlap."
    BATCH_NORM = "BatchNorm", "A batch normalisation."
    CONTRAST_NORM = "ContrastNorm", "A local contrast normalisation."
    DROPOUT = "Dropout", "Dropout, in training only."


class PoolOperation(Named):
    """What a pooling takes of a window."""

    MAX = "Max", "The largest value."
    AVERAGE = "Average", "The mean."


class ConvActivation(Named):
    """What follows a convolution and its batch normalisation."""

    RELU = "Relu", "max(0, x)."
    TANH = "Tanh", "The hyperbolic tangent."
    SIGMOID = "Sigmoid", "The logistic function."
    IDENTITY = "Identity", "Nothing."


class ChildOptimizer(Named):
    """What trains a child network."""

    NESTEROV = "Nesterov", "Gradient descent with Nesterov momentum, the task's own."
    ADAM = "Adam", "Adam."
    ADAM_W = "AdamW", "Adam with decoupled weight decay."
    RMS_PROP = "RmsProp", "RMSProp."


@block
class ConvChain(Block):
    """Convolutional networks, layer by layer; each convolution has batch normalisation and an activation."""

    layers: int = parameter(
        "Layers of the network, at the start if it grows.",
        default=6,
        minimum=1,
        maximum=64,
        unit="layers",
        source=SPACE_SOURCE,
    )
    skip_connections: bool = parameter(
        "Whether each layer chooses its inputs among all earlier layers; otherwise it takes the layer before it.",
        default=True,
        source="Zoph & Le 2016, section 3.3",
    )
    strides: bool = parameter(
        "Whether the strides of each layer are chosen; otherwise they are 1.",
        default=False,
        source=SPACE_SOURCE,
    )
    filter_heights: tuple[int, ...] = parameter(
        "Filter heights to choose from; odd, so that padding is the same on both sides.",
        default=(1, 3, 5, 7),
        minimum=1,
        maximum=31,
        min_length=1,
        max_length=16,
        distinct=True,
        unit="pixels",
        source=SPACE_SOURCE,
    )
    filter_widths: tuple[int, ...] = parameter(
        "Filter widths to choose from; odd, so that padding is the same on both sides.",
        default=(1, 3, 5, 7),
        minimum=1,
        maximum=31,
        min_length=1,
        max_length=16,
        distinct=True,
        unit="pixels",
        source=SPACE_SOURCE,
    )
    filter_counts: tuple[int, ...] = parameter(
        "Numbers of filters to choose from.",
        default=(24, 36, 48, 64),
        minimum=1,
        maximum=4096,
        min_length=1,
        max_length=16,
        distinct=True,
        unit="filters",
        source=SPACE_SOURCE,
    )
    stride_choices: tuple[int, ...] = parameter(
        "Strides to choose from, for height and width each, where strides are chosen.",
        default=(1, 2, 3),
        minimum=1,
        maximum=8,
        min_length=1,
        max_length=8,
        distinct=True,
        unit="pixels",
        source=SPACE_SOURCE,
    )
    anchor: AnchorOrder = parameter(
        "Where the skip connections stand among the decisions of a layer.",
        default=AnchorOrder.AFTER_FILTER_COUNT,
        source="Zoph & Le 2016, figure 4, which shows both orders",
    )

    layer_types: tuple[LayerType, ...] = parameter(
        "What a layer may be, convolutions among it. With more than one the type of each layer is chosen first, then what "
        "that type has to choose.",
        default=(LayerType.CONVOLUTION,),
        min_length=1,
        max_length=5,
        distinct=True,
        source="Zoph & Le 2016, section 3.3",
    )
    pool_operations: tuple[PoolOperation, ...] = parameter(
        "Poolings to choose from.",
        default=(PoolOperation.MAX, PoolOperation.AVERAGE),
        min_length=1,
        max_length=2,
        distinct=True,
        source=_TYPES_SOURCE,
    )
    pool_sizes: tuple[int, ...] = parameter(
        "Heights and widths of a pooling's windows to choose from; also its strides.",
        default=(2, 3),
        minimum=2,
        maximum=8,
        min_length=1,
        max_length=7,
        distinct=True,
        unit="pixels",
        source=_TYPES_SOURCE,
    )
    contrast_sizes: tuple[int, ...] = parameter(
        "Heights and widths of a contrast normalisation's window to choose from; odd.",
        default=(5, 9),
        minimum=3,
        maximum=31,
        min_length=1,
        max_length=15,
        distinct=True,
        unit="pixels",
        source="Jarrett et al. 2009, section 3.1, for the 9",
    )
    dropout_rates: tuple[float, ...] = parameter(
        "Shares of the values that a dropout sets to 0, to choose from.",
        default=(0.1, 0.2, 0.5),
        exclusive_minimum=0,
        exclusive_maximum=1,
        min_length=1,
        max_length=16,
        distinct=True,
        source="Huang et al. 2017 (DenseNet), section 4.2, for the 0.2; Srivastava et al. 2014 for the 0.5",
    )
    activations: tuple[ConvActivation, ...] = parameter(
        "Activations of a convolution; chosen where there are several.",
        default=(ConvActivation.RELU,),
        min_length=1,
        max_length=4,
        distinct=True,
        source=SPACE_SOURCE,
    )
    block_layers: int = parameter(
        "Convolutions that each layer becomes: a densely connected block of as many, all alike. 3 in the paper's network of "
        "39 layers, of which 13 are chosen.",
        default=1,
        minimum=1,
        maximum=16,
        unit="layers",
        source=SPACE_SOURCE,
    )
    pool_after: tuple[int, ...] = parameter(
        "Layers of the whole network, blocks counted in full, after which everything computed so far is halved by max "
        "pooling; ascending. [13, 24] in the paper's network of 39 layers.",
        default=(),
        minimum=1,
        maximum=MAX_LAYERS - 1,
        max_length=8,
        distinct=True,
        unit="layers",
        source=SPACE_SOURCE,
    )
    extra_filters: int = parameter(
        "Filters that each convolution has beyond the number chosen; 40 in the paper's last row.",
        default=0,
        minimum=0,
        maximum=MAX_FILTERS - 1,
        unit="filters",
        source="Zoph & Le 2016, table 1",
    )
    optimizers: tuple[ChildOptimizer, ...] = parameter(
        "Optimisers of the child network to choose from; the task's own if there are none.",
        default=(),
        max_length=4,
        distinct=True,
    )
    learning_rates: tuple[float, ...] = parameter(
        "Step sizes of the child network's training to choose from; the task's own if there are none.",
        default=(),
        exclusive_minimum=0,
        maximum=100,
        max_length=16,
        distinct=True,
        source="Zoph & Le 2016, section 3.3, which gives no values",
    )

    RULES = (
        *(
            Rule(holds=f"self.{sizes}.all(size, size % 2 == 1)", message="has an even size: give odd ones", path=sizes)
            for sizes in ("filterHeights", "filterWidths", "contrastSizes")
        ),
        Rule(
            holds="'Convolution' in self.layerTypes",
            message="has no Convolution, without which nothing is learned: add it",
            path="layerTypes",
        ),
        Rule(
            holds="self.blockLayers == 1 || self.layerTypes.all(one, one == 'Convolution')",
            message="is given with layers that are no convolutions: give 1, or layerTypes: [Convolution]",
            path="blockLayers",
        ),
        Rule(
            holds=f"self.layers * self.blockLayers <= {MAX_LAYERS}",
            message=f"makes networks of more than {MAX_LAYERS} layers: give less, or fewer layers",
            path="blockLayers",
        ),
        Rule(
            holds="self.poolAfter.isSorted()",
            message="is out of order: give the layers in ascending order",
            path="poolAfter",
        ),
        Rule(
            holds=f"(self.filterCounts + [1]).max() + self.extraFilters <= {MAX_FILTERS}",
            message=f"makes more than {MAX_FILTERS:,} filters: give fewer, or smaller filterCounts",
            path="extraFilters",
        ),
    )

    def conflicts(self) -> Iterator[Problem]:
        """Yield every size that is even, and what does not go together."""
        by_name = {
            "filterHeights": self.filter_heights,
            "filterWidths": self.filter_widths,
            "contrastSizes": self.contrast_sizes,
        }
        for name, sizes in by_name.items():
            for position, size in enumerate(sizes):
                if size % 2 == 0:
                    yield Problem((name, f"[{position}]"), f"is {size}, which is even", f"give {size - 1} or {size + 1}")
        if LayerType.CONVOLUTION not in self.layer_types:
            fault = f"is {shown(self.layer_types)}, without Convolution, so that nothing is learned"
            yield Problem(("layerTypes",), fault, "add it")
        elif self.block_layers > 1 and len(self.layer_types) > 1:
            fault = f"is {self.block_layers}, but layerTypes is {shown(self.layer_types)}, and blocks are of convolutions"
            yield Problem(("blockLayers",), fault, "give 1, or layerTypes: [Convolution]")
        if (in_full := self.layers * self.block_layers) > MAX_LAYERS:
            fault = f"is {self.block_layers}, which makes {in_full} layers, more than {MAX_LAYERS}"
            yield Problem(("blockLayers",), fault, f"give at most {MAX_LAYERS // self.layers}, or fewer layers")
        if list(self.pool_after) != sorted(self.pool_after):
            yield Problem(("poolAfter",), f"is {shown(self.pool_after)}", "give the layers in ascending order")
        if (most := max(self.filter_counts) + self.extra_filters) > MAX_FILTERS:
            fault = f"is {self.extra_filters}, which makes up to {most:,} filters, more than {MAX_FILTERS:,}"
            yield Problem(("extraFilters",), fault, "give fewer, or smaller filterCounts")
