from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nasfleet_operator.overlay import overlay
from nasfleet_operator.sameness import agrees

values = st.recursive(
    st.integers(0, 3) | st.text("ab", min_size=1, max_size=2),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
maps = st.dictionaries(st.text("abc", min_size=1, max_size=2), values, max_size=4)


def test_maps_are_merged_and_null_takes_a_key_out() -> None:
    under = {"spec": {"nodeSelector": {"a": "1", "b": "2"}, "hostNetwork": True}}
    assert overlay(under, {"spec": {"nodeSelector": {"b": None, "c": "3"}}}) == {
        "spec": {"nodeSelector": {"a": "1", "c": "3"}, "hostNetwork": True}
    }


def test_entries_that_kubernetes_knows_by_name_are_merged_and_new_ones_added_behind() -> None:
    under = {"containers": [{"name": "trainer", "image": "a", "env": [{"name": "A", "value": "1"}]}]}
    over = {"containers": [{"name": "trainer", "env": [{"name": "B", "value": "2"}]}, {"name": "sidecar", "image": "s"}]}
    assert overlay(under, over) == {
        "containers": [
            {"name": "trainer", "image": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"name": "sidecar", "image": "s"},
        ]
    }


def test_a_variable_has_either_a_value_or_where_it_comes_from() -> None:
    source = {"resourceFieldRef": {"resource": "requests.cpu"}}
    under = {"env": [{"name": "CORES", "valueFrom": source}, {"name": "SLOTS", "value": "1"}]}
    over = {"env": [{"name": "CORES", "value": "8"}, {"name": "SLOTS", "valueFrom": source}]}
    assert overlay(under, over) == over
    assert overlay(over, under) == under


def test_a_volume_is_replaced_by_the_one_of_its_name() -> None:
    under = {"volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "data", "emptyDir": {}}]}
    over = {"volumes": [{"name": "tmp", "persistentVolumeClaim": {"claimName": "fast"}}]}
    assert overlay(under, over) == {"volumes": [*over["volumes"], under["volumes"][1]]}


def test_mounts_are_known_by_their_path_and_ports_by_their_number() -> None:
    under = {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}], "ports": [{"name": "metrics", "containerPort": 9465}]}
    over = {"volumeMounts": [{"name": "fast", "mountPath": "/tmp"}], "ports": [{"containerPort": 9465, "hostPort": 1}]}
    assert overlay(under, over) == {
        "volumeMounts": [{"name": "fast", "mountPath": "/tmp"}],
        "ports": [{"name": "metrics", "containerPort": 9465, "hostPort": 1}],
    }


def test_entries_that_kubernetes_tells_apart_by_two_fields_stay_apart() -> None:
    hard = {"topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}
    soft = {"topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 5}
    assert overlay({}, {"topologySpreadConstraints": [hard, soft]}) == {"topologySpreadConstraints": [hard, soft]}
    ours, theirs = {"containerPort": 9465, "name": "metrics"}, {"containerPort": 9465, "protocol": "UDP", "name": "own"}
    assert overlay({"ports": [ours]}, {"ports": [theirs]}) == {"ports": [ours, theirs]}
    named = {"containerPort": 9465, "protocol": "TCP", "name": "mine"}
    assert overlay({"ports": [ours]}, {"ports": [named]}) == {"ports": [named]}


def test_any_other_list_is_replaced() -> None:
    under = {"tolerations": [{"key": "nvidia.com/gpu"}], "args": ["a", "b"]}
    assert overlay(under, {"tolerations": [{"key": "x"}], "args": ["c"]}) == {"tolerations": [{"key": "x"}], "args": ["c"]}


def test_nulls_deep_in_what_is_new_vanish_too() -> None:
    assert overlay({}, {"spec": {"a": None, "b": {"c": None}}}) == {"spec": {"b": {}}}


@settings(deadline=None)
@given(maps, maps)
def test_laying_a_template_over_twice_is_laying_it_over_once(under: dict[str, Any], over: dict[str, Any]) -> None:
    once = overlay(under, over)
    assert overlay(once, over) == once


@settings(deadline=None)
@given(maps, maps)
def test_what_lies_over_is_there_and_nothing_is_changed_in_place(under: dict[str, Any], over: dict[str, Any]) -> None:
    before = repr((under, over))
    assert agrees(over, overlay(under, over))
    assert repr((under, over)) == before
