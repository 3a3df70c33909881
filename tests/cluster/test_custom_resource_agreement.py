"""The API server and `nasfleet run` take the same documents, refuse the same ones, and read the same in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from nasfleet.catalogue import InvalidParametersError
from nasfleet.document import as_data, load, search_from_data
from nasfleet_testing.altered_documents import altered_documents, declarations
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.stored_resources import Resources, connected

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
_in_one_namespace = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def searches(control_plane: ControlPlane, resources: None, namespace: str) -> Resources:
    return connected(control_plane, namespace)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_kept_with_the_defaults_that_nasfleet_run_has(
    control_plane: ControlPlane, searches: Resources, namespace: str, example: Path
) -> None:
    text = example.read_text(encoding="utf-8")
    control_plane.do("apply", "--validate=strict", f"--namespace={namespace}", f"--filename={example}")
    declared = load(text)

    stored = search_from_data(searches.read("ArchitectureSearch", declared.name))

    assert stored.spec == declared.spec
    assert (stored.name, stored.namespace) == (declared.name, namespace)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_all_defaults_are_written_out_in_what_is_kept(
    control_plane: ControlPlane, resources: None, namespace: str, example: Path
) -> None:
    applied = control_plane.do(
        "apply", "--dry-run=server", f"--namespace={namespace}", f"--filename={example}", "--output=json"
    )

    assert json.loads(applied)["spec"] == as_data(load(example.read_text(encoding="utf-8")))["spec"]


@settings(_in_one_namespace, max_examples=40)
@given(declared=declarations)
def test_what_nasfleet_run_takes_the_api_server_takes_and_keeps(
    searches: Resources, namespace: str, declared: dict[str, Any]
) -> None:
    kept = searches.create(declared, dry=True)

    assert search_from_data(kept).spec == search_from_data(declared).spec


@settings(_in_one_namespace, max_examples=150)
@given(altered=altered_documents())
def test_an_altered_document_is_refused_by_both_doors_or_by_none(
    searches: Resources, namespace: str, altered: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    _, data = altered
    refusal = searches.refusal(data)

    assert bool(refusal) == bool(_problems(data)), refusal or _problems(data)


def _problems(data: dict[str, Any]) -> str:
    try:
        search_from_data(data)
    except InvalidParametersError as error:
        return str(error)
    return ""
