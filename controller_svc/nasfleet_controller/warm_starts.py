"""Whether a search may begin with the trials of an earlier one, and with which. Pure."""

from collections.abc import Sequence

from nasfleet.catalogue import SearchSpec
from nasfleet.catalogue.problems import Problem, shown
from nasfleet.errors import InvalidInputError
from nasfleet.names import SearchName
from nasfleet.spaces.building import build_space
from nasfleet_controller.records import Prior
from nasfleet_controller.store.trials import StoredTrial


def refuse_misfit(name: SearchName, spec: SearchSpec, earlier: SearchSpec | None) -> None:
    """Refuse a warm start from what is not there, or from a search whose rewards say nothing here.

    Args:
        name: of the search that is declared.
        spec: its declaration, with a warm start.
        earlier: the declaration of the search that it names, if there is one.

    Raises:
        InvalidInputError: saying what does not fit.
    """
    if (warm := spec.warm_start) is None:
        return
    if warm.search == name.search_id:
        raise _refusal(warm.search, "which is this search itself", "name an earlier one, or remove warmStart")
    if earlier is None:
        raise _refusal(warm.search, f"and there is no such search in namespace {name.namespace}", "name one that is there")
    ours, theirs = spec.search_space, earlier.search_space
    if ours.unlowered is not None:
        fix = "declare it where its code is, with nasfleet run, or remove warmStart"
        raise _refusal(warm.search, "but what this search's own space decides is not known yet", fix)
    if theirs.unlowered is not None:
        raise _refusal(warm.search, "which has measured no trial yet", "wait until it has, or remove warmStart")
    if ours.growth != theirs.growth or build_space(ours).decisions != build_space(theirs).decisions:
        raise _refusal(warm.search, "which searches another space", "give the same searchSpace, or remove warmStart")
    if spec.reward != earlier.reward:
        raise _refusal(warm.search, "whose rewards are of another kind", "give the same reward, or remove warmStart")


def priors_of(spec: SearchSpec, best: Sequence[StoredTrial]) -> tuple[Prior, ...]:
    """Return what a search begins with, given the best trials of the earlier one; raise InvalidInputError if it has none."""
    priors = tuple(
        Prior(trial.name.number, trial.tokens, trial.layers, trial.reward) for trial in best if trial.reward is not None
    )
    if not priors and spec.warm_start is not None:
        raise _refusal(spec.warm_start.search, "which has measured no trial yet", "wait until it has, or remove warmStart")
    return priors


def _refusal(search: str, why: str, fix: str) -> InvalidInputError:
    return InvalidInputError(str(Problem(("spec", "warmStart", "search"), f"is {shown(search)}, {why}", fix)))
