"""The space of fully connected networks: its size, its spellings, its limits."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasfleet.catalogue import InvalidParametersError, MlpActivation, MlpChoices
from nasfleet.errors import InvalidInputError
from nasfleet.spaces.conv_layers import ConvLayer
from nasfleet.spaces.conv_net import ConvNet
from nasfleet.spaces.mlp import ACTIVATIONS, MAX_WIDTH, Mlp, MlpLayer
from nasfleet.spaces.mlp_space import MlpSpace
from nasfleet.spaces.space import InvalidTokensError
from nasfleet_testing.specs import blocks

COURSE = MlpSpace(MlpChoices())


@st.composite
def spelled(draw: st.DrawFn) -> tuple[MlpSpace, list[int]]:
    space = MlpSpace(draw(blocks(MlpChoices)))
    return space, [draw(st.integers(0, decision.bound - 1)) for decision in space.decisions]


def test_the_course_s_space_has_a_hundred_architectures_of_four_tokens() -> None:
    assert COURSE.size() == 100
    assert [(decision.name, decision.bound) for decision in COURSE.decisions] == [
        ("layer0/width", 5),
        ("layer0/activation", 2),
        ("layer1/width", 5),
        ("layer1/activation", 2),
    ]
    assert COURSE.decode((1, 0, 4, 1)) == Mlp((MlpLayer(128, "relu"), MlpLayer(2048, "sigmoid")))


def test_layers_share_the_kinds_of_their_decisions() -> None:
    assert [decision.kind for decision in COURSE.decisions] == ["width", "activation"] * 2


@given(spelled())
def test_encode_is_the_inverse_of_decode(drawn: tuple[MlpSpace, list[int]]) -> None:
    space, tokens = drawn
    assert space.encode(space.decode(tokens)) == tuple(tokens)


@given(spelled(), st.randoms(use_true_random=False))
def test_a_network_has_one_hash_in_whatever_order_its_choices_are_listed(
    drawn: tuple[MlpSpace, list[int]], rng: Random
) -> None:
    space, tokens = drawn
    widths, activations = list(space.choices.widths), list(space.choices.activations)
    rng.shuffle(widths)
    rng.shuffle(activations)
    shuffled = MlpSpace(replace(space.choices, widths=tuple(widths), activations=tuple(activations)))
    assert shuffled.canonical(shuffled.encode(space.decode(tokens))) == space.canonical(tokens)


def test_different_networks_have_different_hashes() -> None:
    tokens = [(a, b, c, d) for a in range(5) for b in range(2) for c in range(5) for d in range(2)]
    assert len({COURSE.canonical(each) for each in tokens}) == 100


def test_the_catalogue_and_the_description_know_the_same_activations() -> None:
    assert tuple(MlpActivation) == ACTIVATIONS


@pytest.mark.parametrize("tokens", [(0, 0, 0), (0, 0, 0, 2), (5, 0, 0, 0), (0, 0, 0, 0, 0)])
def test_tokens_that_choose_nothing_are_refused(tokens: tuple[int, ...]) -> None:
    with pytest.raises(InvalidTokensError):
        COURSE.decode(tokens)


@pytest.mark.parametrize(
    "stranger",
    [
        Mlp((MlpLayer(64, "relu"),)),
        Mlp((MlpLayer(64, "relu"), MlpLayer(65, "relu"))),
        Mlp((MlpLayer(64, "relu"), MlpLayer(64, "tanh"))),
        ConvNet((ConvLayer(filter_height=1, filter_width=1, filters=1),)),
    ],
)
def test_a_network_of_another_space_has_no_tokens(stranger: Mlp | ConvNet) -> None:
    with pytest.raises(InvalidInputError):
        COURSE.encode(stranger)


@pytest.mark.parametrize(("width", "activation"), [(0, "relu"), (MAX_WIDTH + 1, "relu"), (2.0, "relu"), (2, "ReLU")])
def test_a_layer_that_cannot_be_is_refused(width: int, activation: str) -> None:
    with pytest.raises(InvalidInputError, match="of a layer is"):
        MlpLayer(width, activation)


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="0 hidden layers: give 1 to 64"):
        Mlp(())


def test_networks_that_no_trainer_could_hold_are_refused() -> None:
    # 65,536 x 65,537 weights and biases between two layers of the greatest width: 4.3e9, twice what is allowed.
    with pytest.raises(InvalidParametersError, match=r"has networks of up to 4,295,032,832 parameters"):
        MlpChoices(widths=(65536,))
    assert MlpSpace(MlpChoices(layers=1, widths=(65536,))).size() == 2
