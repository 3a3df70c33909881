"""Architectures as JSON documents, with every layer spelled out; field names as in search documents."""

import json
from typing import Any, assert_never

from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_net import ConvLayer, ConvNet
from nasfleet.spaces.mlp import Mlp
from nasfleet.spaces.space import Description


def json_document(description: Description) -> str:
    """Return the architecture as a JSON document; layers count from 0, and a layer without inputs reads the image."""
    document: dict[str, Any]
    match description:
        case ConvNet():
            document = {
                "kind": "ConvNet",
                "layers": [_layer(layer) for layer in description.layers],
                "classifier": {"inputs": list(description.loose_ends)},
            }
        case Assignment():
            document = {"kind": "Assignment", "values": dict(description)}
        case Mlp():
            layers = [{"width": layer.width, "activation": layer.activation} for layer in description.layers]
            document = {"kind": "Mlp", "layers": layers}
        case _:
            assert_never(description)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _layer(layer: ConvLayer) -> dict[str, Any]:
    return {
        "filterHeight": layer.filter_height,
        "filterWidth": layer.filter_width,
        "strideHeight": layer.stride_height,
        "strideWidth": layer.stride_width,
        "filters": layer.filters,
        "inputs": list(layer.inputs),
    }
