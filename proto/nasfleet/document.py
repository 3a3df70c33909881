"""Search documents: read at the door, strictly and once, and written as they are read."""

from typing import Any

from nasfleet.catalogue.changes import changes
from nasfleet.catalogue.problems import InvalidParametersError
from nasfleet.catalogue.reading import Reader
from nasfleet.catalogue.search import ApiVersion, ArchitectureSearch, DocumentKind, Metadata, SearchDocument
from nasfleet.catalogue.writing import plain_data
from nasfleet.strict_yaml import read_yaml, write_yaml

__all__ = ["as_data", "changes", "dump", "load"]


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
