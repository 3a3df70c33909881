"""Fields in words, for the contract's comments and the reference page."""

from enum import StrEnum
from typing import Any

from nasfleet.catalogue.fields import Field, Kind, block_name
from nasfleet.catalogue.problems import shown


def remarks(field: Field) -> list[str]:
    """Return sentences on a field: its description, unit, bounds, default, source, and whether it may change."""
    about = field.about
    sentences = [about.description]
    if about.unit:
        sentences.append(f"Unit: {about.unit}.")
    if limits := limits_in_words(field):
        sentences.append(f"{limits[0].upper()}{limits[1:]}.")
    if field.required:
        sentences.append("Required.")
    elif (default := default_in_words(field)) is not None:
        sentences.append(f"Default {default}.")
    if about.source:
        sentences.append(f"Source: {about.source}.")
    if about.changeable:
        sentences.append("May change while the search runs.")
    return sentences


def limits_in_words(field: Field) -> str:
    """Return what bounds a field's value, empty if nothing does."""
    about = field.about
    counted = "entries" if field.repeated or field.kind in {Kind.LABELS, Kind.FREE} else "characters"
    parts = [f"{about.lengths} {counted}" if about.lengths else "", "each once" if about.distinct else ""]
    bounds = f"each {about.bounds}" if about.bounds and field.repeated else about.bounds
    return ", ".join(part for part in (*parts, bounds, about.pattern_hint) if part)


def default_in_words(field: Field) -> str | None:
    """Return a field's default as a document would have it; None for a required field, an absent value or a block's own."""
    default: Any = None if field.required else field.default
    match field.kind:
        case Kind.ONE_OF:
            return block_name(type(default)) if default is not None else None
        case Kind.BLOCK | Kind.LABELS | Kind.FREE | Kind.DECISION:
            return None
    match default:
        case None:
            return None
        case StrEnum():
            return str(default)
        case float():
            return f"{default:g}"
        case _:
            return shown(default)
