"""What the design of searches has a name for and this version does not do: refused by name, never accepted and ignored."""

UNSERVED: dict[tuple[str, ...], frozenset[str]] = {
    ("metadata",): frozenset({"annotations", "generateName", "labels"}),
    ("spec",): frozenset({"controller", "finalTraining"}),
    ("spec", "searchSpace"): frozenset({"enasMacro", "enasMicro", "enasRecurrent"}),
    ("spec", "strategy"): frozenset({"enas"}),
}


def is_unserved(path: tuple[str, ...], name: str) -> bool:
    """Return whether a name below a path is one that this version does not serve."""
    return name in UNSERVED.get(path, frozenset())
