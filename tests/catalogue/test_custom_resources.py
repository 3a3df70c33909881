"""The custom resources say what the catalogue says, and a new edition refuses nothing that the one before it took."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from nasfleet.catalogue import SearchSpec, TrainerPoolSpec
from nasfleet.catalogue.custom_resources import POOLS, SEARCHES, CustomResource
from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of
from nasfleet.catalogue.unserved import UNSERVED
from nasfleet_testing.earlier_resources import Edition, earlier_edition, present_edition
from nasfleet_testing.schema_changes import tightened

_RESOURCES = [SEARCHES, POOLS]
_SPECS = [(SEARCHES, SearchSpec), (POOLS, TrainerPoolSpec)]


def _schema(definition: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _spec(resource: CustomResource) -> dict[str, Any]:
    spec: dict[str, Any] = _schema(resource.definition())["properties"]["spec"]
    return spec


def _described(schema: dict[str, Any], block: type[Any], path: str) -> Iterator[tuple[str, Field, dict[str, Any]]]:
    """Yield every field of a block and of those below it, with its path and its schema."""
    for field in (field for field in fields_of(block) if field.about.in_document):
        place, holder = path, schema
        if not field.about.inline:
            place, holder = f"{path}.{field.document_name}", schema["properties"][field.document_name]
            yield place, field, holder
        if field.kind is Kind.ONE_OF:
            for below in field.classes:
                yield from _described(holder["properties"][block_name(below)], below, f"{place}.{block_name(below)}")
        elif field.kind is Kind.BLOCK:
            yield from _described(holder["items"] if field.repeated else holder, field.classes[0], place)


@pytest.mark.parametrize(("resource", "block"), _SPECS, ids=["search", "pool"])
def test_every_field_of_the_catalogue_is_described(resource: CustomResource, block: type[Any]) -> None:
    for path, field, schema in _described(_spec(resource), block, "spec"):
        assert schema["description"].startswith(field.about.description), path


@pytest.mark.parametrize(("resource", "block"), _SPECS, ids=["search", "pool"])
def test_every_default_of_the_catalogue_is_filled_in(resource: CustomResource, block: type[Any]) -> None:
    for path, field, schema in _described(_spec(resource), block, "spec"):
        assert ("default" in schema) == (not field.required and field.default is not None), path


@pytest.mark.parametrize(("resource", "block"), _SPECS, ids=["search", "pool"])
def test_whatever_has_a_size_is_bounded(resource: CustomResource, block: type[Any]) -> None:
    # The API server refuses rules whose cost it cannot bound.
    for path, field, schema in _described(_spec(resource), block, "spec"):
        if field.kind is Kind.TEXT:
            assert "maxLength" in schema, path
        if field.repeated:
            assert "maxItems" in schema, path
        if field.kind in {Kind.LABELS, Kind.FREE}:
            assert "maxProperties" in schema, path


def test_what_may_change_has_no_rule_against_it_and_all_else_has_one() -> None:
    frozen = {
        path.split(".")[1]: "oldSelf" in yaml.safe_dump(schema)
        for path, _, schema in _described(_spec(SEARCHES), SearchSpec, "spec")
        if path.count(".") == 1
    }
    of_the_whole = " ".join(rule["rule"] for rule in _spec(SEARCHES)["x-kubernetes-validations"])

    for field in fields_of(SearchSpec):
        name = field.document_name
        assert (frozen[name] or f"has(oldSelf.{name})" in of_the_whole) is not field.about.changeable, name


def test_nothing_of_a_pool_is_frozen() -> None:
    assert "oldSelf" not in yaml.safe_dump(POOLS.definition())


def test_what_is_not_served_is_absent() -> None:
    schema = _schema(SEARCHES.definition())

    for path, names in UNSERVED.items():
        below = schema
        for part in path:
            below = below["properties"][part]
        assert not names & set(below["properties"]), path


@pytest.mark.parametrize("resource", _RESOURCES, ids=lambda resource: resource.plural)
def test_only_what_is_free_is_kept_unknown(resource: CustomResource) -> None:
    def free(schema: Any, path: str) -> Iterator[str]:
        if isinstance(schema, dict):
            if schema.get("x-kubernetes-preserve-unknown-fields"):
                yield path
            for name, below in schema.items():
                yield from free(below, path if name in {"properties", "items"} else f"{path}.{name}")

    assert set(free(_spec(resource), "spec")) == (
        {"spec.template.metadata", "spec.template.spec"}
        if resource is POOLS
        else {
            "spec.searchSpace.choices.decisions.options",
            "spec.searchSpace.plugin.parameters",
            "spec.strategy.grid.levels.options",
            "spec.task.plugin.parameters",
        }
    )


@pytest.mark.parametrize("resource", _RESOURCES, ids=lambda resource: resource.plural)
def test_every_field_is_explained_with_its_own_type_and_a_sentence(resource: CustomResource) -> None:
    def poor(schema: Any, path: str) -> Iterator[str]:
        # `kubectl explain` says Object of whatever has one of these, whatever its type.
        yield from (f"{path} has {name}" for name in ("allOf", "anyOf", "oneOf", "not") if name in schema)
        if "items" in schema:
            yield from poor(schema["items"], f"{path}[]")
        for name, below in schema.get("properties", {}).items():
            if not below.get("description"):
                yield f"{path}.{name} has no description"
            yield from poor(below, f"{path}.{name}")

    assert not list(poor(_spec(resource), "spec"))


def _schemas(edition: Edition) -> dict[str, dict[str, Any]]:
    return {name: _schema(yaml.safe_load(text)) for name, text in edition.definitions.items()}


_SELECTED, _NODES = "architecturesearches.yaml.spec.trainerPoolSelector.matchLabels.*", "trainerpools.yaml.spec.nodeSelector.*"
_REFUSED_ON_PURPOSE = {
    # No pool and no node can have such a label, and no queue such a name.
    *(f"{labels} has {change}" for labels in (_SELECTED, _NODES) for change in ("another pattern", "maxLength 63, not None")),
    "trainerpools.yaml.spec.queueName has another pattern",
    # Nothing at all, processors in bytes and thousandths of a byte.
    "trainerpools.yaml.spec.cpu has another pattern",
    "trainerpools.yaml.spec.memory has another pattern",
}


def test_nothing_that_an_earlier_edition_took_is_refused_but_on_purpose() -> None:
    present = _schemas(present_edition())

    for name, earlier in _schemas(earlier_edition()).items():
        assert set(tightened(earlier, present[name], name)) <= _REFUSED_ON_PURPOSE


def _remove(schema: dict[str, Any]) -> None:
    del schema["properties"]["spec"]["properties"]["seed"]


def _require(schema: dict[str, Any]) -> None:
    schema["properties"]["spec"]["required"].append("artifacts")


def _narrow(schema: dict[str, Any]) -> None:
    schema["properties"]["spec"]["properties"]["parallelism"]["maximum"] = 10


def _shorten(schema: dict[str, Any]) -> None:
    schema["properties"]["spec"]["properties"]["artifacts"]["maxLength"] = 10


def _forget_a_member(schema: dict[str, Any]) -> None:
    schema["properties"]["spec"]["properties"]["weights"]["enum"].remove("All")


def _turn_into_text(schema: dict[str, Any]) -> None:
    schema["properties"]["spec"]["properties"]["weight"]["type"] = "string"


def _default_otherwise(schema: dict[str, Any]) -> None:
    schema["properties"]["spec"]["properties"]["seed"]["default"] = 7


def _shrink_a_list(schema: dict[str, Any]) -> None:
    space = schema["properties"]["spec"]["properties"]["searchSpace"]["properties"]
    space["choices"]["properties"]["decisions"]["items"]["properties"]["options"]["maxItems"] = 2


def _labels(schema: dict[str, Any]) -> dict[str, Any]:
    labels: dict[str, Any] = schema["properties"]["spec"]["properties"]["trainerPoolSelector"]["properties"]["matchLabels"]
    return labels


def _free_map(schema: dict[str, Any]) -> dict[str, Any]:
    plugin = schema["properties"]["spec"]["properties"]["task"]["properties"]["plugin"]
    parameters: dict[str, Any] = plugin["properties"]["parameters"]
    return parameters


def _forget_the_entries_of_a_map(schema: dict[str, Any]) -> None:
    del _labels(schema)["additionalProperties"]


def _forbid_the_entries_of_a_map(schema: dict[str, Any]) -> None:
    _labels(schema)["additionalProperties"] = False


def _turn_the_entries_of_a_map_into_numbers(schema: dict[str, Any]) -> None:
    _labels(schema)["additionalProperties"] = {"type": "integer"}


def _close_a_free_map(schema: dict[str, Any]) -> None:
    del _free_map(schema)["x-kubernetes-preserve-unknown-fields"]


def _name_the_entries_of_a_free_map(schema: dict[str, Any]) -> None:
    _free_map(schema)["properties"] = {"depth": {"type": "integer"}}


def _make_a_free_map_one_of_texts(schema: dict[str, Any]) -> None:
    del _free_map(schema)["x-kubernetes-preserve-unknown-fields"]
    _free_map(schema)["additionalProperties"] = {"type": "string"}


def _make_a_free_map_a_text(schema: dict[str, Any]) -> None:
    del _free_map(schema)["x-kubernetes-preserve-unknown-fields"]
    _free_map(schema)["type"] = "string"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_forget_the_entries_of_a_map, ".spec.trainerPoolSelector.matchLabels is closed"),
        (_forbid_the_entries_of_a_map, ".spec.trainerPoolSelector.matchLabels is closed"),
        (_turn_the_entries_of_a_map_into_numbers, ".spec.trainerPoolSelector.matchLabels.* has another type"),
        (_close_a_free_map, ".spec.task.plugin.parameters is closed"),
        (_name_the_entries_of_a_free_map, ".spec.task.plugin.parameters.depth has another type"),
        (_make_a_free_map_one_of_texts, ".spec.task.plugin.parameters.* has another type"),
        (_make_a_free_map_a_text, ".spec.task.plugin.parameters has another type"),
        (_remove, ".spec.seed is gone"),
        (_require, ".spec.artifacts is required"),
        (_narrow, ".spec.parallelism has maximum 10, not 100000"),
        (_shorten, ".spec.artifacts has maxLength 10, not 2048"),
        (_forget_a_member, ".spec.weights is no longer All"),
        (_turn_into_text, ".spec.weight has another type"),
        (_default_otherwise, ".spec.seed has another default"),
        (_shrink_a_list, ".spec.searchSpace.choices.decisions[].options has maxItems 2, not 256"),
    ],
)
def test_what_an_edition_refuses_anew_is_found(change: Callable[[dict[str, Any]], None], said: str) -> None:
    earlier = _schema(SEARCHES.definition())
    present = copy.deepcopy(earlier)
    change(present)

    assert list(tightened(earlier, present)) == [said]
    assert not list(tightened(earlier, copy.deepcopy(earlier)))


@pytest.mark.parametrize(
    "change",
    [
        _forget_the_entries_of_a_map,
        _forbid_the_entries_of_a_map,
        _close_a_free_map,
        _name_the_entries_of_a_free_map,
        _make_a_free_map_one_of_texts,
        _remove,
        _narrow,
    ],
)
def test_what_an_edition_takes_besides_is_no_complaint(change: Callable[[dict[str, Any]], None]) -> None:
    present = _schema(SEARCHES.definition())
    earlier = copy.deepcopy(present)
    change(earlier)

    assert list(tightened(earlier, present)) == []


@pytest.mark.parametrize("resource", _RESOURCES, ids=lambda resource: resource.plural)
def test_a_definition_fits_into_what_kubectl_remembers(resource: CustomResource) -> None:
    # `kubectl apply` keeps what it applied in an annotation of 262,144 bytes at most.
    assert len(str(resource.definition())) < 262_144
