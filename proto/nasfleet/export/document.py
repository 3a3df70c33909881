"""Architectures as JSON documents, with every layer spelled out; field names as in search documents."""

import json
from typing import Any, assert_never

from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_layers import Layer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.layer_values import values_of
from nasfleet.spaces.mlp import Mlp
from nasfleet.spaces.recurrent_cell import Operation, RecurrentCell
from nasfleet.spaces.space import Description


def json_document(description: Description) -> str:
    """Return the architecture as a JSON document; layers count from 0, and a layer without inputs reads the image."""
    document: dict[str, Any]
    match description:
        case ConvNet():
            document = _network(description)
        case Assignment():
            document = {"kind": "Assignment", "values": dict(description)}
        case RecurrentCell():
            document = {"kind": "RecurrentCell", "base": description.base, "cell": _cell(description)}
        case Mlp():
            layers = [{"width": layer.width, "activation": layer.activation} for layer in description.layers]
            document = {"kind": "Mlp", "layers": layers}
        case _:
            assert_never(description)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _cell(cell: RecurrentCell) -> dict[str, Any]:
    """Return a cell as `recurrentCell.cell` takes it in a search document."""
    return {
        "nodes": [_operation(node) for node in cell.nodes],
        "inject": _operation(cell.inject),
        "stateFrom": cell.state_from,
        "stateInto": cell.state_into,
    }


def _operation(operation: Operation) -> dict[str, str]:
    return {"combination": operation.combination, "activation": operation.activation}


def _network(network: ConvNet) -> dict[str, Any]:
    training = {"optimizer": network.optimizer, "learningRate": network.learning_rate}
    return {
        "kind": "ConvNet",
        "layers": [_layer(layer) for layer in network.layers],
        "poolAfter": list(network.pool_after),
        "classifier": {"inputs": list(network.loose_ends)},
        **{name: value for name, value in training.items() if value is not None},
    }


def _layer(layer: Layer) -> dict[str, Any]:
    values = {"filters" if word == "filterCount" else word: value for word, value in values_of(layer).items()}
    return values | {"inputs": list(layer.inputs)}
