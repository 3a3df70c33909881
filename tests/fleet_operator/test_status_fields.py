"""What a status tells is in the resource's schema: anything else would be dropped, and so be written again and again."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasfleet_operator.plan import Plan, WriteStatus
from nasfleet_operator.pool_planning import plan_pool
from nasfleet_operator.search_planning import plan_search
from nasfleet_testing.observed_resources import SETTINGS
from nasfleet_testing.observed_states import pools_observed, searches_observed
from nasfleet_testing.planned_worlds import NOW

RESOURCES = Path(__file__).parents[2] / "operator" / "manifests" / "crds"


def status_schema(resource: str) -> dict[str, Any]:
    definition = yaml.safe_load((RESOURCES / f"{resource}.yaml").read_text())
    [version] = definition["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    return schema


SCHEMAS = {"TrainerPool": status_schema("trainerpools"), "ArchitectureSearch": status_schema("architecturesearches")}
TYPES: dict[str, tuple[type[Any], ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


def fit(value: Any, schema: dict[str, Any]) -> bool:
    if isinstance(value, dict):
        return all(name in schema["properties"] and fit(one, schema["properties"][name]) for name, one in value.items())
    if isinstance(value, list):
        return all(fit(one, schema["items"]) for one in value)
    if not isinstance(value, TYPES[schema["type"]]):
        return False
    return value in schema.get("enum", [value]) and ("minimum" not in schema or value >= schema["minimum"])


plans = st.one_of(
    pools_observed().map(lambda observed: plan_pool(observed, SETTINGS, NOW)),
    searches_observed().map(lambda observed: plan_search(observed, SETTINGS, NOW)),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans)
def test_everything_that_a_status_tells_has_its_place_in_the_resource(plan: Plan) -> None:
    for effect in plan.effects:
        if isinstance(effect, WriteStatus):
            assert fit(effect.status, SCHEMAS[effect.target.kind])


def test_a_field_that_the_resource_lacks_would_be_seen() -> None:
    assert not fit({"phase": "Running"}, SCHEMAS["TrainerPool"])
    assert not fit({"replicas": "4"}, SCHEMAS["TrainerPool"])
    assert not fit({"conditions": [{"type": "Ready", "status": "Maybe"}]}, SCHEMAS["TrainerPool"])
