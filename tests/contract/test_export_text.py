"""Architectures as JSON and as drawings."""

import json
from dataclasses import replace

from hypothesis import given

from nasfleet.export import drawing, json_document
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_layers import BatchNormLayer, ContrastNormLayer, ConvLayer, DropoutLayer, PoolLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet_testing.networks import conv_nets

_LAYER = ConvLayer(filter_height=3, filter_width=5, filters=24)
SMALL = ConvNet((_LAYER, replace(_LAYER, inputs=(0,)), replace(_LAYER, filters=48, inputs=(0,)), replace(_LAYER, filters=36)))
MIXED = ConvNet(
    (
        replace(_LAYER, activation="Tanh"),
        PoolLayer(operation="Max", size=2, inputs=(0,)),
        BatchNormLayer(inputs=(1,)),
        ContrastNormLayer(size=5, inputs=(0, 2)),
        DropoutLayer(rate=0.25, inputs=(3,)),
    ),
    pool_after=(3,),
)


def test_drawing_shows_every_kind_of_layer_and_the_poolings_between() -> None:
    assert drawing(MIXED).splitlines() == [
        "layer  filter  filters  activation",
        "image                               ─╮",
        "    0  3x5          24  tanh        ─●─╮",
        "    1  max 2x2                      ───●─╮",
        "    2  batch norm                   ───┼─●─╮",
        "                           max 2x2     ↓   ↓",
        "    3  contrast 5x5                 ───●───●─╮",
        "    4  dropout 0.25                 ─────────●─╮",
        "classifier                          ───────────●",
    ]


def test_drawing_shows_every_layer_and_what_it_reads() -> None:
    assert drawing(SMALL).splitlines() == [
        "layer  filter  filters",
        "image                   ─╮",
        "    0  3x5          24  ─●─╮",
        "    1  3x5          24  ─┼─●─╮",
        "    2  3x5          48  ─┼─●─┼─╮",
        "    3  3x5          36  ─●───┼─┼─╮",
        "classifier              ─────●─●─●",
    ]


def test_drawing_shows_strides_where_there_are_any() -> None:
    strided = ConvNet((replace(_LAYER, stride_height=2),))
    assert drawing(strided).splitlines() == [
        "layer  filter  stride  filters",
        "image                           ─╮",
        "    0  3x5     2x1          24  ─●─╮",
        "classifier                      ───●",
    ]


@given(conv_nets(max_layers=64))
def test_drawing_fits_a_terminal_and_shows_each_connection(network: ConvNet) -> None:
    rows = drawing(network).splitlines()
    assert max(map(len, rows)) <= 80
    connections = sum(len(layer.inputs) or 1 for layer in network.layers) + len(network.loose_ends)
    assert sum(row.count("●") for row in rows) == connections


def test_drawing_of_the_largest_network_fits_a_terminal() -> None:
    layer = ConvLayer(filter_height=31, filter_width=31, filters=4096, stride_height=8, stride_width=8)
    rows = drawing(ConvNet(tuple(replace(layer, inputs=tuple(range(number))) for number in range(64)))).splitlines()
    assert max(map(len, rows)) <= 80
    assert "   63  31x31   8x8        4096" in rows


def test_values_are_drawn_as_a_table() -> None:
    assert drawing(Assignment((("rate", 0.1), ("momentum", 0.9)))) == "rate      0.1\nmomentum  0.9\n"


def test_document_spells_out_every_layer() -> None:
    document = json.loads(json_document(SMALL))
    assert document["kind"] == "ConvNet"
    assert document["layers"][1] == {
        "type": "Convolution",
        "activation": "Relu",
        "filterHeight": 3,
        "filterWidth": 5,
        "strideHeight": 1,
        "strideWidth": 1,
        "filters": 24,
        "inputs": [0],
    }
    assert document["classifier"] == {"inputs": [1, 2, 3]}
    assert document["poolAfter"] == []


def test_document_has_what_was_chosen_beside_the_layers() -> None:
    document = json.loads(json_document(replace(MIXED, optimizer="Adam", learning_rate=0.01)))
    assert [layer["type"] for layer in document["layers"]] == [
        *["Convolution", "Pooling", "BatchNorm", "ContrastNorm", "Dropout"],
    ]
    assert document["layers"][1] == {"type": "Pooling", "poolOperation": "Max", "poolSize": 2, "inputs": [0]}
    assert (document["poolAfter"], document["optimizer"], document["learningRate"]) == ([3], "Adam", 0.01)


def test_document_of_values_keeps_their_types() -> None:
    values = {"rate": 0.1, "act": "relu", "whiten": True, "layers": 3, "inputs": (0, 2)}
    document = json.loads(json_document(Assignment(tuple(values.items()))))
    assert document == {"kind": "Assignment", "values": {**values, "inputs": [0, 2]}}
