import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from nasfleet.names import DEFAULT_AUDIENCE
from nasfleet_testing.chart import CHART, OPEN, VALUE_SETS, ChartRefusedError, Helm, comments, leaves

TEXT = (CHART / "values.yaml").read_text(encoding="utf-8")
VALUES = yaml.safe_load(TEXT)
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
README = (CHART / "README.md").read_text(encoding="utf-8")


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of the schema, by the path of the value that it belongs to."""
    if schema.get("type") == "object":
        yield path, schema
    for key, below in schema.get("properties", {}).items():
        yield from objects(below, path if path in OPEN else f"{path}.{key}" if path else key)
    if "items" in schema:
        yield from objects(schema["items"], path)


def test_every_value_is_commented_and_the_schema_and_the_readme_say_the_same() -> None:
    said = comments(TEXT)
    for path, default in leaves(VALUES, SCHEMA):
        part: Any = SCHEMA
        for key in path.split("."):
            part = part["properties"][key]
        assert said.get(path), f"values.yaml does not say what {path} is"
        assert part.get("description") == said[path], f"values.schema.json says something else of {path}"
        row = f"| `{path}` | `{json.dumps(default)}` | {said[path].replace('|', chr(92) + '|')} |"
        assert row in README.splitlines(), f"the table of README.md lacks {row}"


def test_the_readme_has_no_value_that_is_none() -> None:
    rows = {line.split("`")[1] for line in README.splitlines() if line.startswith("| `")}
    assert rows == {path for path, _ in leaves(VALUES, SCHEMA)}


def test_tokens_are_for_the_audience_that_everybody_takes_by_default() -> None:
    assert VALUES["authentication"]["audience"] == DEFAULT_AUDIENCE


def test_the_schema_has_every_value_and_no_other() -> None:
    def keys(schema: dict[str, Any], values: Any, path: str) -> None:
        if isinstance(values, dict) and "properties" in schema and path not in OPEN:
            assert values.keys() == schema["properties"].keys() - {"global"}, path
            for key, value in values.items():
                keys(schema["properties"][key], value, f"{path}.{key}" if path else key)

    keys(SCHEMA, VALUES, "")


def test_nothing_is_allowed_that_the_schema_does_not_name() -> None:
    for path, schema in objects(SCHEMA):
        if path not in OPEN:
            closed = schema.get("additionalProperties") is False or isinstance(schema.get("additionalProperties"), dict)
            assert closed, f"{path} takes anything"


WRONG = [
    ("controler.enabled=true", "additional properties 'controler' not allowed"),
    ("controller.replicas=2", "at '/controller': additional properties 'replicas' not allowed"),
    ("fullnameOverride=NAS", "'/fullnameOverride': 'NAS' does not match pattern '^([a-z]"),
    ("image.pullPolicy=Sometimes", "must be one of 'IfNotPresent', 'Always', 'Never'"),
    ("image.tag=a b", "'/image/tag': 'a b' does not match pattern"),
    (
        "controller.image.digest=sha256:abc",
        "'/controller/image/digest': 'sha256:abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'",
    ),
    ("operator.image.repository=Nasfleet", "'/operator/image/repository': 'Nasfleet' does not match pattern"),
    ("controller.persistence.size=10", "'/controller/persistence/size': got number, want string"),
    ("controller.persistence.size=ten", "'/controller/persistence/size': 'ten' does not match pattern"),
    ("controller.postgresql.existingSecret=My_Secret", "'/controller/postgresql/existingSecret': 'My_Secret' does not match"),
    ("controller.postgresql.url=postgresql://x", "at '/controller/postgresql': additional properties 'url' not allowed"),
    ("controller.service.type=External", "must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'"),
    ("controller.service.port=0", "'/controller/service/port': minimum: got 0, want 1"),
    ("controller.service.port=70000", "'/controller/service/port': maximum: got 70,000, want 65,535"),
    ("controller.resources.request.cpu=1", "'/controller/resources': additional properties 'request' not allowed"),
    ("controller.resources.requests.memory=lots", "'/controller/resources/requests/memory'"),
    ("controller.nodeSelector.gpu=true", "'/controller/nodeSelector/gpu': got boolean, want string"),
    ("controller.tolerations[0].effect=Never", "must be one of 'NoSchedule', 'PreferNoSchedule', 'NoExecute'"),
    ("controller.extraEnv[0].value=x", "'/controller/extraEnv/0': missing property 'name'"),
    ("controller.affinity.podAffinty.x=1", "'/controller/affinity': additional properties 'podAffinty' not allowed"),
    ("operator.enabled=maybe", "'/operator/enabled': got string, want boolean"),
    ("operator.namespaces=vision", "'/operator/namespaces': got string, want array"),
    ("operator.namespaces={a,a}", "'/operator/namespaces': items at 0 and 1 are equal"),
    ("trainers.namespaces={Vision}", "'/trainers/namespaces/0': 'Vision' does not match pattern"),
    ("authentication.mode=kubernetes", "must be one of 'Kubernetes', 'None'"),
    ("tls.mode=certmanager", "must be one of 'helm', 'certManager', 'existingSecret', 'none'"),
    ("tls.certManager.issuerRef.kind=Vault", "must be one of 'Issuer', 'ClusterIssuer'"),
    ("tls.certManager.duration=90d", "'/tls/certManager/duration': '90d' does not match pattern '^([0-9]+(h|m|s))+$'"),
    ("networkPolicy.apiServer={192.0.2.1}", "'/networkPolicy/apiServer/0': '192.0.2.1' does not match pattern"),
    ("networkPolicy.apiServerPorts=443", "'/networkPolicy/apiServerPorts': got number, want array"),
    ("monitoring.podMonitors.interval=often", "'/monitoring/podMonitors/interval': 'often' does not match pattern"),
    ("tls.mode=null", "at '/tls': missing property 'mode'"),
    ("authentication=null", "missing property 'authentication'"),
    ("networkPolicy.enabled=null", "at '/networkPolicy': missing property 'enabled'"),
    ("controller.image=null", "at '/controller': missing property 'image'"),
    ("image.registry=https://registry.example.com", "'/image/registry': 'https://registry.example.com' does not match pattern"),
    ("fullnameOverride=9nas", "'/fullnameOverride': '9nas' does not match pattern"),
    ("commonLabels.team=a b", "'/commonLabels/team': 'a b' does not match pattern"),
    ("crds.enabled=false", "at '/crds': additional properties 'enabled' not allowed"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[wrong for wrong, _ in WRONG])
def test_a_wrong_value_is_refused_by_name_with_what_is_right(helm: Helm, wrong: str, said: str) -> None:
    done = helm.run("template", "nasfleet", str(CHART), "--set", wrong)
    assert done.returncode != 0
    assert said in done.stderr


NOT_TOGETHER = [
    ({"tls": {"mode": "none"}}, "tokens go over TLS only; give authentication.mode None as well"),
    ({"tls": {"mode": "existingSecret"}}, "tls.existingSecret is empty, but tls.mode is existingSecret: give the name"),
    ({"tls": {"existingSecret": "mine"}}, "tls.existingSecret is given, but tls.mode is helm: remove it"),
    (
        {"controller": {"postgresql": {"existingSecret": "a"}, "persistence": {"existingClaim": "b"}}},
        "are two stores: give one of them",
    ),
    ({"commonLabels": {"app.kubernetes.io/name": "other"}}, "commonLabels has app.kubernetes.io/name, by which our own pods"),
    ({"operator": {"podLabels": {"app.kubernetes.io/component": "x"}}}, "operator.podLabels has app.kubernetes.io/component"),
    (
        {"operator": {"namespaces": ["vision"]}, "trainers": {"pool": {"enabled": True}}},
        "operator.namespaces lacks nasfleet, where the pool is",
    ),
    ({"operator": {"enabled": False}, "trainers": {"pool": {"enabled": True}}}, "nobody would start its trainers"),
]


@pytest.mark.parametrize(("values", "said"), NOT_TOGETHER, ids=[said for _, said in NOT_TOGETHER])
def test_values_that_do_not_go_together_are_refused_with_the_fix(helm: Helm, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartRefusedError) as refused:
        helm.template(values)
    assert said in str(refused.value)


def test_a_pool_is_refused_where_the_cluster_does_not_know_pools_yet(helm: Helm) -> None:
    done = helm.run("template", "nasfleet", str(CHART), "--set", "trainers.pool.enabled=true")
    assert "install without it, then turn it on by helm upgrade" in done.stderr


def test_every_set_of_values_that_is_tested_sets_something_of_each_part() -> None:
    given = {path.split(".")[0] for values in VALUE_SETS.values() for path, _ in leaves(values, SCHEMA)}
    assert given == VALUES.keys()
