"""Prints a CustomResourceDefinition of nasfleet: `python -m nasfleet.catalogue.custom_resources architecturesearches`."""

import sys
from dataclasses import dataclass
from typing import Any

from nasfleet.catalogue.fields import fields_of
from nasfleet.catalogue.openapi import Schema, block_schema
from nasfleet.catalogue.pool import PoolKind, TrainerPool
from nasfleet.catalogue.search import ApiVersion, ArchitectureSearch, DocumentKind
from nasfleet.catalogue.status import PoolStatus, SearchStatus
from nasfleet.strict_yaml import write_yaml

_HEADER = "# Written by nasfleet.catalogue.custom_resources from the catalogue of parameters; do not edit.\n"
_GROUP, _VERSION = ApiVersion.V1ALPHA1.split("/")
_READY = '.status.conditions[?(@.type=="Ready")].reason'
_WIDE = {"priority": 1}


def _column(name: str, kind: str, path: str, description: str) -> Schema:
    return {"name": name, "type": kind, "jsonPath": path, "description": description}


_AGE = _column("Age", "date", ".metadata.creationTimestamp", "How long ago it was created.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomResource:
    """One kind of resource: the document that declares it, what is said about it, and how kubectl shows it."""

    plural: str
    short_name: str
    kind: str
    document: type[Any]
    status: type[Any]
    frozen: bool
    columns: tuple[Schema, ...]
    scale: Schema | None = None

    def definition(self) -> Schema:
        """Return the CustomResourceDefinition."""
        names = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
            "shortNames": [self.short_name],
            "categories": ["nasfleet"],
        }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{_GROUP}"},
            "spec": {"group": _GROUP, "scope": "Namespaced", "names": names, "versions": [self._version()]},
        }

    def _version(self) -> Schema:
        scale = {} if self.scale is None else {"scale": self.scale}
        return {
            "name": _VERSION,
            "served": True,
            "storage": True,
            "subresources": {"status": {}, **scale},
            "additionalPrinterColumns": list(self.columns),
            "schema": {"openAPIV3Schema": self._schema()},
        }

    def _schema(self) -> Schema:
        declared = block_schema(self.document, frozen=self.frozen)
        named = block_schema(_block_of(self.document, "metadata"))["properties"]["name"]
        own = declared["properties"]
        own |= {
            "apiVersion": {"type": "string", "description": own["apiVersion"]["description"]},
            "kind": {"type": "string", "description": own["kind"]["description"]},
            "metadata": {"type": "object", "properties": {"name": named}},
            "status": block_schema(self.status),
        }
        declared["description"] = block_schema(_block_of(self.document, "spec"))["description"]
        declared["required"] = [name for name in declared["required"] if name == "spec"]
        return {key: value for key, value in declared.items() if value != []}


def _block_of(document: type[Any], name: str) -> type[Any]:
    return next(field.classes[0] for field in fields_of(document) if field.name == name)


SEARCHES = CustomResource(
    plural="architecturesearches",
    short_name="nas",
    kind=DocumentKind.SEARCH.value,
    document=ArchitectureSearch,
    status=SearchStatus,
    frozen=True,
    columns=(
        _column("State", "string", _READY, "What it is doing, in a word."),
        _column("Trials", "string", ".status.progress", "Settled trials of budgeted ones."),
        _column("Best", "number", ".status.bestReward", "The best reward so far."),
        _column("Best Trial", "integer", ".status.bestTrial", "Number of the trial that earned it.") | _WIDE,
        _column("Trainer Hours", "number", ".status.trainerHours", "Time that trainers worked on it.") | _WIDE,
        _AGE,
    ),
)
POOLS = CustomResource(
    plural="trainerpools",
    short_name="tp",
    kind=PoolKind.POOL.value,
    document=TrainerPool,
    status=PoolStatus,
    frozen=False,
    columns=(
        _column("Desired", "integer", ".spec.replicas", "Trainers that are wanted."),
        _column("Ready", "integer", ".status.readyReplicas", "Trainers whose pods are ready."),
        _column("Busy", "integer", ".status.busyTrainers", "Trainers with trials."),
        _column("State", "string", _READY, "How it is doing, in a word.") | _WIDE,
        _column("Image", "string", ".spec.image", "Image of the trainers, if it is not the operator's.") | _WIDE,
        _AGE,
    ),
    scale={
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    },
)


def manifest(resource: CustomResource) -> str:
    """Return the CustomResourceDefinition as YAML."""
    return _HEADER + write_yaml(resource.definition())


if __name__ == "__main__":
    sys.stdout.write(manifest({resource.plural: resource for resource in (SEARCHES, POOLS)}[sys.argv[1]]))
