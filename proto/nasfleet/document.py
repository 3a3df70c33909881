"""Search documents: read at the door, strictly and once, and written as they are read; and what Kubernetes stored of them."""

from collections.abc import Mapping
from typing import Any

from nasfleet.catalogue.changes import changes
from nasfleet.catalogue.fields import fields_of
from nasfleet.catalogue.pool import PoolMetadata, TrainerPoolDocument, TrainerPoolSpec
from nasfleet.catalogue.problems import InvalidParametersError
from nasfleet.catalogue.reading import Reader
from nasfleet.catalogue.search import ApiVersion, ArchitectureSearch, DocumentKind, Metadata, SearchDocument, SearchSpec
from nasfleet.catalogue.writing import plain_data
from nasfleet.strict_yaml import read_yaml, write_yaml

__all__ = ["as_data", "changes", "dump", "load", "pool_from_data", "search_from_data"]


def load(text: str) -> SearchDocument:
    """Return the search that a document in YAML or JSON declares.

    Raises:
        InvalidParametersError: with all that is wrong, each with its path, its value and what to write instead.
    """
    data, problems = read_yaml(text)
    reader = Reader(problems)
    read = reader.read(ArchitectureSearch, data, ())
    if reader.problems:
        raise InvalidParametersError(reader.problems)
    return SearchDocument(name=read.metadata.name, namespace=read.metadata.namespace, spec=read.spec)


def as_data(document: SearchDocument) -> dict[str, Any]:
    """Return a document as plain data, for JSON and for tables, with all defaults written out."""
    metadata = Metadata(name=document.name, namespace=document.namespace)
    return plain_data(
        ArchitectureSearch(api_version=ApiVersion.V1ALPHA1, kind=DocumentKind.SEARCH, metadata=metadata, spec=document.spec)
    )


def dump(document: SearchDocument) -> str:
    """Return a document as YAML that `load` reads back as the same."""
    return write_yaml(as_data(document))


def search_from_data(data: Mapping[str, Any]) -> SearchDocument:
    """Return the search that a stored resource declares; its status and the rest of its metadata are not looked at.

    Raises:
        InvalidParametersError: with all that is wrong.
    """
    metadata, spec = _read_resource(data, Metadata, SearchSpec)
    return SearchDocument(name=metadata.name, namespace=metadata.namespace, spec=spec)


def pool_from_data(data: Mapping[str, Any]) -> TrainerPoolDocument:
    """Return the trainer pool that a stored resource declares; its status and the rest of its metadata are not looked at.

    Raises:
        InvalidParametersError: with all that is wrong.
    """
    metadata, spec = _read_resource(data, PoolMetadata, TrainerPoolSpec)
    return TrainerPoolDocument(name=metadata.name, namespace=metadata.namespace, labels=metadata.labels, spec=spec)


def _read_resource(data: Mapping[str, Any], metadata: type[Any], spec: type[Any]) -> tuple[Any, Any]:
    known = {field.document_name for field in fields_of(metadata)}
    named = {key: value for key, value in data.get("metadata", {}).items() if key in known}
    reader = Reader()
    read = reader.read(metadata, named, ("metadata",)), reader.read(spec, data.get("spec", {}), ("spec",))
    if reader.problems:
        raise InvalidParametersError(reader.problems)
    return read
