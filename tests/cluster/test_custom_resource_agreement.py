"""The API server and `nasfleet run` take the same documents, refuse the same ones, and read the same in them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from nasfleet.catalogue import InvalidParametersError, TrainerPoolDocument, TrainerPoolSpec
from nasfleet.catalogue.writing import plain_data
from nasfleet.document import as_data, load, pool_from_data, search_from_data
from nasfleet_testing.altered_documents import altered_documents, as_kubectl_sends, declarations
from nasfleet_testing.control_plane import ControlPlane
from nasfleet_testing.specs import blocks
from nasfleet_testing.stored_resources import Resources, connected

_ROOT = Path(__file__).parents[2]
_POOL_PAGE = _ROOT / "docs" / "reference" / "trainer-pool.md"
EXAMPLES = sorted((_ROOT / "examples").glob("*.yaml"))
_in_one_namespace = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def kept_resources(control_plane: ControlPlane, resources: None, namespace: str) -> Resources:
    return connected(control_plane, namespace)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_kept_with_the_defaults_that_nasfleet_run_has(
    control_plane: ControlPlane, kept_resources: Resources, namespace: str, example: Path
) -> None:
    text = example.read_text(encoding="utf-8")
    control_plane.do("apply", "--validate=strict", f"--namespace={namespace}", f"--filename={example}")
    declared = load(text)

    stored = search_from_data(kept_resources.read("ArchitectureSearch", declared.name))

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
    kept_resources: Resources, namespace: str, declared: dict[str, Any]
) -> None:
    kept = kept_resources.create(declared, dry=True)

    assert search_from_data(kept).spec == search_from_data(declared).spec


@settings(_in_one_namespace, max_examples=150)
@given(altered=altered_documents())
def test_an_altered_document_is_refused_by_both_doors_or_by_none(
    kept_resources: Resources, namespace: str, altered: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    _, data = altered
    refusal = kept_resources.refusal(data)

    assert bool(refusal) == bool(_problems(data)), refusal or _problems(data)


def test_the_pool_of_the_reference_page_is_kept_with_the_defaults_of_the_catalogue(
    control_plane: ControlPlane, kept_resources: Resources, namespace: str
) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", _POOL_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    control_plane.do("apply", "--validate=strict", f"--namespace={namespace}", "--filename=-", stdin=example)

    kept = kept_resources.read("TrainerPool", "gpu")

    assert pool_from_data(kept) == TrainerPoolDocument(
        name="gpu", namespace=namespace, labels={"gpu": "h200"}, spec=TrainerPoolSpec()
    )
    assert kept["spec"] == plain_data(TrainerPoolSpec())


@settings(_in_one_namespace, max_examples=40)
@given(spec=blocks(TrainerPoolSpec).map(plain_data).map(as_kubectl_sends))
def test_a_pool_that_can_be_made_the_api_server_takes_and_keeps(
    kept_resources: Resources, namespace: str, spec: dict[str, Any]
) -> None:
    pool = {"apiVersion": "nasfleet.dev/v1alpha1", "kind": "TrainerPool", "metadata": {"name": "gpu"}, "spec": spec}

    kept = kept_resources.create(pool, dry=True)

    assert pool_from_data(kept).spec == pool_from_data(pool).spec


def _problems(data: dict[str, Any]) -> str:
    try:
        search_from_data(data)
    except InvalidParametersError as error:
        return str(error)
    return ""
