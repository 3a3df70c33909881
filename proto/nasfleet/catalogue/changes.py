"""What differs between two declarations of one search, and whether it may change after the start."""

from collections.abc import Iterator

from nasfleet.catalogue.fields import Kind, block_name, fields_of
from nasfleet.catalogue.search import SearchSpec


def changes(old: SearchSpec, new: SearchSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the document paths of what differs: those that may change while the search runs, and those that may not."""
    found = list(_differences(old, new, "spec", changeable=False))
    return tuple(path for path, allowed in found if allowed), tuple(path for path, allowed in found if not allowed)


def _differences(old: object, new: object, path: str, *, changeable: bool) -> Iterator[tuple[str, bool]]:
    for field in fields_of(type(old)):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        allowed = changeable or field.about.changeable
        place = path if field.about.inline else f"{path}.{field.document_name}"
        if field.repeated or field.kind not in {Kind.BLOCK, Kind.ONE_OF} or type(before) is not type(after):
            yield place, allowed
        else:
            below = f"{place}.{block_name(type(before))}" if field.kind is Kind.ONE_OF else place
            yield from _differences(before, after, below, changeable=allowed)
