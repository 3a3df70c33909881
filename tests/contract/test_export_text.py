"""Architectures as JSON and as drawings."""

import json
from dataclasses import replace

from hypothesis import given

from nasfleet.export import drawing, json_document
from nasfleet.spaces.assignment import Assignment
from nasfleet.spaces.conv_net import ConvLayer, ConvNet
from nasfleet_testing.networks import conv_nets

_LAYER = ConvLayer(filter_height=3, filter_width=5, filters=24)
SMALL = ConvNet((_LAYER, replace(_LAYER, inputs=(0,)), replace(_LAYER, filters=48, inputs=(0,)), replace(_LAYER, filters=36)))


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
        "filterHeight": 3,
        "filterWidth": 5,
        "strideHeight": 1,
        "strideWidth": 1,
        "filters": 24,
        "inputs": [0],
    }
    assert document["classifier"] == {"inputs": [1, 2, 3]}


def test_document_of_values_keeps_their_types() -> None:
    values = {"rate": 0.1, "act": "relu", "whiten": True, "layers": 3, "inputs": (0, 2)}
    document = json.loads(json_document(Assignment(tuple(values.items()))))
    assert document == {"kind": "Assignment", "values": {**values, "inputs": [0, 2]}}
