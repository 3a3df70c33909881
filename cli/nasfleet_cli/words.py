"""Enum values of the contract as words: `FAILURE_KIND_NOT_FINITE` is "not finite"."""

from nasfleet.v1.search_pb2 import Search, SearchState


def word(name: str, prefix: str) -> str:
    """Return the name of an enum value without its prefix, in lower case with spaces."""
    return name.removeprefix(prefix).lower().replace("_", " ")


def state_word(search: Search) -> str:
    """Return the state of a search; one that runs but whose space waits to be lowered by a trainer is "waiting"."""
    space = search.spec.search_space
    unlowered = space.WhichOneof("space") == "plugin" and not space.plugin.decisions.decisions
    if unlowered and search.state == SearchState.SEARCH_STATE_RUNNING:
        return "waiting"
    return word(SearchState.Name(search.state), "SEARCH_STATE_")
