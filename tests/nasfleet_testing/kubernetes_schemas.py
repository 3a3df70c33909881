"""What an API server of each version of Kubernetes takes, by the schemas that kubernetes-validate carries: no unknown field.

The schemas alone: that package's own function reads their two megabytes anew for each manifest, and falls back to an earlier
version where it lacks one.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry, Resource

VERSIONS = tuple(f"1.{minor}" for minor in range(30, 37))


def refusals(manifest: Mapping[str, Any], version: str) -> Iterator[str]:
    """Yield what a version of Kubernetes has against a manifest, each with its path."""
    api_version, kind = manifest["apiVersion"], manifest["kind"]
    group, _, name = api_version.rpartition("/")
    validator = _validators(version).get((group, name, kind))
    if validator is None:
        yield f"Kubernetes {version} has no {kind} of {api_version}"
        return
    for error in validator.iter_errors(manifest):
        yield f"{kind} {manifest['metadata']['name']}{error.json_path[1:]}: {error.message}"


@cache
def _validators(version: str) -> Mapping[tuple[str, str, str], Validator]:
    """Return what checks a manifest, by group, version and kind."""
    file = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict" / "_definitions.json"
    schemas = json.loads(file.read_text())
    registry = Resource.from_contents(schemas) @ Registry()
    return {
        (known["group"], known["version"], known["kind"]): Draft202012Validator(
            {"$ref": f"{schemas['$id']}#/$defs/{name}"}, registry=registry
        )
        for name, schema in schemas["$defs"].items()
        for known in schema.get("x-kubernetes-group-version-kind", ())
    }
