"""Layers of a chain and the values of their decisions, by the word that names a decision within its layer."""

from collections.abc import Mapping
from typing import Any

from nasfleet.spaces.conv_layers import BatchNormLayer, ContrastNormLayer, ConvLayer, DropoutLayer, Layer, PoolLayer
from nasfleet.spaces.decision import Value

TYPE = "type"
INPUTS = "inputs"
CONVOLUTION = "Convolution"

# The fields of each kind of layer, and the words of their decisions.
_WORDS: dict[type[Layer], dict[str, str]] = {
    ConvLayer: {
        "filter_height": "filterHeight",
        "filter_width": "filterWidth",
        "stride_height": "strideHeight",
        "stride_width": "strideWidth",
        "activation": "activation",
        "filters": "filterCount",
    },
    PoolLayer: {"operation": "poolOperation", "size": "poolSize"},
    BatchNormLayer: {},
    ContrastNormLayer: {"size": "contrastSize"},
    DropoutLayer: {"rate": "dropoutRate"},
}
_TYPES: dict[str, type[Layer]] = {
    CONVOLUTION: ConvLayer,
    "Pooling": PoolLayer,
    "BatchNorm": BatchNormLayer,
    "ContrastNorm": ContrastNormLayer,
    "Dropout": DropoutLayer,
}
_NAMES = {layer_class: name for name, layer_class in _TYPES.items()}


def layer_from(values: Mapping[str, Value], prefix: str, inputs: tuple[int, ...], fixed: Mapping[str, Value]) -> Layer:
    """Return the layer whose decisions have names that begin with `prefix`; a convolution has what is `fixed` besides."""
    layer_class = _TYPES[values.get(prefix + TYPE, CONVOLUTION)]  # type: ignore[index]  # the names of the types
    figures: dict[str, Any] = dict(fixed) if layer_class is ConvLayer else {}
    figures |= {field: values[name] for field, word in _WORDS[layer_class].items() if (name := prefix + word) in values}
    return layer_class(**figures, inputs=inputs)


def values_of(layer: Layer) -> dict[str, Value]:
    """Return the values that choose a layer, by word; its inputs among them."""
    values: dict[str, Value] = {word: getattr(layer, field) for field, word in _WORDS[type(layer)].items()}
    return {TYPE: _NAMES[type(layer)], **values, INPUTS: layer.inputs}
