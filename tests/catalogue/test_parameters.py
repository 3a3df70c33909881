"""Every parameter is described, has a unit where it counts something, and names the paper that a number is from."""

from collections.abc import Iterator
from typing import Any

import pytest

from nasfleet.catalogue import (
    BestOfLastEpochsCubed,
    CellTree,
    ConvChain,
    Growth,
    ImageClassification,
    InvalidParametersError,
    InverseSquaredPerplexity,
    LanguageModeling,
    Reinforce,
    SearchSpaceSection,
    Synthetic,
)
from nasfleet.catalogue.checking import expectation
from nasfleet.catalogue.fields import Field, Kind, fields_of
from nasfleet.catalogue.search import ArchitectureSearch, TrialSettings

# What a number alone says: shares, factors, step sizes, seeds, and rewards, whose unit is the task's.
_PURE_NUMBERS = {
    "baseline_decay",
    "dropout_rates",
    "failure_reward",
    "gradient_clip",
    "initial_range",
    "learning_rate",
    "learning_rate_decay_at",
    "learning_rate_decay_factor",
    "learning_rates",
    "momentum",
    "optimum_seed",
    "ppo_clip",
    "scale",
    "seed",
    "target_reward",
    "weight",
    "weight_decay",
}
_ZOPH = "Zoph & Le 2016"
# The papers' constants: block, field, default, and what the source has to name.
_PUBLISHED = [
    (ConvChain, "layers", 6, f"{_ZOPH}, section 4.1"),
    (ConvChain, "skip_connections", True, f"{_ZOPH}, section 3.3"),
    (ConvChain, "strides", False, f"{_ZOPH}, section 4.1"),
    (ConvChain, "filter_heights", (1, 3, 5, 7), f"{_ZOPH}, section 4.1"),
    (ConvChain, "filter_widths", (1, 3, 5, 7), f"{_ZOPH}, section 4.1"),
    (ConvChain, "filter_counts", (24, 36, 48, 64), f"{_ZOPH}, section 4.1"),
    (ConvChain, "stride_choices", (1, 2, 3), f"{_ZOPH}, section 4.1"),
    (ConvChain, "anchor", "AfterFilterCount", f"{_ZOPH}, figure 4"),
    (ConvChain, "layer_types", ("Convolution",), f"{_ZOPH}, section 3.3"),
    (ConvChain, "contrast_sizes", (5, 9), "Jarrett et al. 2009"),
    (ConvChain, "dropout_rates", (0.1, 0.2, 0.5), "DenseNet"),
    (ConvChain, "activations", ("Relu",), f"{_ZOPH}, section 4.1"),
    (ConvChain, "block_layers", 1, f"{_ZOPH}, section 4.1"),
    (ConvChain, "pool_after", (), f"{_ZOPH}, section 4.1"),
    (ConvChain, "extra_filters", 0, f"{_ZOPH}, table 1"),
    (ConvChain, "learning_rates", (), f"{_ZOPH}, section 3.3"),
    (Growth, "layers", 2, f"{_ZOPH}, section 4.1"),
    (CellTree, "base", 8, f"{_ZOPH}, section 4.2"),
    (CellTree, "combinations", ("add", "elemMult"), f"{_ZOPH}, section 4.2"),
    (CellTree, "activations", ("identity", "tanh", "sigmoid", "relu"), f"{_ZOPH}, section 4.2"),
    (LanguageModeling, "layers", 2, f"{_ZOPH}, section 4.2"),
    (LanguageModeling, "epochs", 35, f"{_ZOPH}, section 4.2"),
    (LanguageModeling, "target_parameters", 20_000_000, f"{_ZOPH}, section 4.2"),
    (LanguageModeling, "batch_size", 20, "Zaremba et al. 2014"),
    (LanguageModeling, "steps", 35, "Zaremba et al. 2014"),
    (InverseSquaredPerplexity, "scale", 80.0, f"{_ZOPH}, section 4.2"),
    (Growth, "every_trials", 1600, f"{_ZOPH}, section 4.1"),
    (Growth, "max_layers", 20, f"{_ZOPH}, section 4.1"),
    (Reinforce, "learning_rate", 6e-4, f"{_ZOPH}, section 4.1"),
    (Reinforce, "baseline_decay", 0.95, "NASNet), appendix A.2"),
    (Reinforce, "batch_size", 8, f"{_ZOPH}, sections 3.2"),
    (Reinforce, "hidden_units", 35, f"{_ZOPH}, section 4.1"),
    (Reinforce, "layers", 2, f"{_ZOPH}, section 4.1"),
    (Reinforce, "embedding_size", 35, f"{_ZOPH} give none"),
    (Reinforce, "initial_range", 0.08, f"{_ZOPH}, section 4.1"),
    (Reinforce, "entropy_weight", 0.0, f"none in {_ZOPH}"),
    (Reinforce, "ppo_passes", 0, f"none in {_ZOPH}"),
    (Reinforce, "ppo_clip", 0.2, "Schulman et al. 2017"),
    (Reinforce, "gradient_clip", None, f"none in {_ZOPH}"),
    (BestOfLastEpochsCubed, "epochs", 5, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "epochs", 50, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "batch_size", 64, "DenseNet"),
    (ImageClassification, "learning_rate", 0.1, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "momentum", 0.9, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "weight_decay", 1e-4, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "learning_rate_decay_at", (0.5, 0.75), "DenseNet"),
    (ImageClassification, "learning_rate_decay_factor", 0.1, "DenseNet"),
    (ImageClassification, "whiten", True, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "flip", True, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "upsample_size", None, f"{_ZOPH}, section 4.1"),
    (ImageClassification, "validation_examples", None, f"{_ZOPH}, section 4.1"),
]
# Numbers of blocks that follow a paper, which the paper does not have.
_OWN_NUMBERS = {
    (ConvChain, "pool_sizes"),
    (Reinforce, "max_staleness"),
    (ImageClassification, "image_size"),
    (ImageClassification, "training_examples"),
}


def _all_blocks(block: type[Any] = ArchitectureSearch) -> Iterator[type[Any]]:
    yield block
    for field in fields_of(block):
        if field.kind in {Kind.BLOCK, Kind.ONE_OF}:
            for below in field.classes:
                yield from _all_blocks(below)


_FIELDS = {f"{block.__name__}.{field.name}": (block, field) for block in _all_blocks() for field in fields_of(block)}


@pytest.mark.parametrize("name", _FIELDS)
def test_every_parameter_is_described(name: str) -> None:
    _, field = _FIELDS[name]

    assert field.about.description.endswith(".")
    assert field.about.description[0].isupper()
    assert expectation(field)


@pytest.mark.parametrize("name", _FIELDS)
def test_every_number_has_a_unit_and_bounds(name: str) -> None:
    _, field = _FIELDS[name]
    if field.kind not in {Kind.INTEGER, Kind.NUMBER}:
        return

    assert (field.about.unit is None) == (field.name in _PURE_NUMBERS)
    assert field.about.bounds
    assert field.about.maximum is not None or field.about.exclusive_maximum is not None


@pytest.mark.parametrize("name", _FIELDS)
def test_what_may_be_absent_defaults_to_absence(name: str) -> None:
    # On the wire an absent field has its default; a default other than absence could not be taken back there.
    _, field = _FIELDS[name]

    assert not field.nullable or field.default is None
    assert not field.repeated or field.required or not field.default or field.about.min_length


@pytest.mark.parametrize("block", list(dict.fromkeys(_all_blocks())), ids=lambda block: block.__name__)
def test_every_block_says_what_it_is(block: type[Any]) -> None:
    assert (block.__doc__ or "").split("\n", maxsplit=1)[0].endswith(".")


@pytest.mark.parametrize(("block", "name", "default", "source"), _PUBLISHED, ids=lambda part: getattr(part, "__name__", None))
def test_a_published_constant_is_the_default_and_names_its_source(
    block: type[Any], name: str, default: object, source: str
) -> None:
    field = _field(block, name)

    assert field.default == default
    assert source in (field.about.source or "")


@pytest.mark.parametrize("block", [ConvChain, Growth, Reinforce, BestOfLastEpochsCubed, ImageClassification])
def test_every_number_of_a_published_method_is_listed_here(block: type[Any]) -> None:
    numbers = {(block, field.name) for field in fields_of(block) if field.kind in {Kind.INTEGER, Kind.NUMBER}}

    assert numbers <= {(owner, name) for owner, name, _, _ in _PUBLISHED} | _OWN_NUMBERS


@pytest.mark.parametrize("name", [name for name, (_, field) in _FIELDS.items() if not field.required])
def test_every_default_keeps_to_its_own_bounds(name: str) -> None:
    block, field = _FIELDS[name]
    if block in {SearchSpaceSection, ArchitectureSearch} or any(other.required for other in fields_of(block)):
        return

    assert getattr(block(), field.name) == field.default


def test_a_block_cannot_be_made_with_a_value_out_of_bounds() -> None:
    with pytest.raises(InvalidParametersError) as raised:
        Reinforce(learning_rate=0, batch_size=True, batching="Together")  # type: ignore[arg-type]  # what types forbid

    assert str(raised.value).splitlines() == [
        "learningRate is 0: give a number greater than 0 and at most 1",
        "batchSize is true: give a whole number from 1 to 65,536, in trials",
        'batching is "Together": give one of Together, Arrival',
    ]


def test_a_block_cannot_be_made_with_values_that_do_not_go_together() -> None:
    with pytest.raises(InvalidParametersError, match=r"ppoClip is 0\.1, but ppoPasses is 0"):
        Reinforce(ppo_clip=0.1)


def test_blocks_are_frozen() -> None:
    with pytest.raises(AttributeError):
        TrialSettings().lease_seconds = 1.0  # type: ignore[misc]  # the point


def test_numbers_that_no_float_holds_are_refused() -> None:
    with pytest.raises(InvalidParametersError, match="noise is 1000000"):
        Synthetic(noise=10**400)


def _field(block: type[Any], name: str) -> Field:
    return next(field for field in fields_of(block) if field.name == name)
