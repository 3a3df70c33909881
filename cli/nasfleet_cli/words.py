"""Enum values of the contract as words: `FAILURE_KIND_NOT_FINITE` is "not finite"."""


def word(name: str, prefix: str) -> str:
    """Return the name of an enum value without its prefix, in lower case with spaces."""
    return name.removeprefix(prefix).lower().replace("_", " ")
