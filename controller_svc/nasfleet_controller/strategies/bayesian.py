"""Bayesian optimisation through Optuna's ask and tell; Optuna is imported with this module, torch with Gaussian processes.

The study is a picture of the search's own trials: they stand in it in the order of their numbers, so that one that grew with
the search and one that was drawn anew after a restart propose the same. Each proposal has a sampler of its own, seeded with
the number of its trial; what Optuna's samplers remember besides, as a first guess for the next fit, is not used.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from nasfleet.catalogue import Bayesian, Sampler, SearchSpaceSection
from nasfleet.spaces.building import build_space
from nasfleet.spaces.decision import Decision
from nasfleet_controller.strategies.seeding import stream_seed
from nasfleet_controller.strategies.strategy import NO_HISTORY, Credit, History

_SEEDS = 2**32


class BayesianStrategy:
    """Tells a study what became of its proposals, and asks it for the next ones; the catalogue refuses spaces that grow."""

    def __init__(self, space: SearchSpaceSection, section: Bayesian, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # each trial would be a line
        self._names = _names(build_space(space).decisions)
        self._space: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(tuple(range(bound))) for name, bound in self._names if bound > 1
        }
        self._section = section
        self._seed = seed
        self._begin()
        self.batch_size = section.batch_size
        self.version = 0

    def propose(
        self,
        batch: int,  # noqa: ARG002 - a trial's number says it
        first_number: int,
        count: int,
        history: History = NO_HISTORY,
    ) -> list[tuple[int, ...]]:
        """Return what the sampler chooses one after another, those before it counted as in training."""
        if self._redrawn:  # the history knows what was proposed in the end
            self._begin()
        self._take_in(history)
        return [self._ask(number) for number in range(first_number, first_number + min(count, self.batch_size))]

    def redraw(
        self,
        batch: int,  # noqa: ARG002 - likewise
        first_number: int,
        count: int,
        history: History,  # noqa: ARG002 - the study has taken it in
        attempt: int,
    ) -> list[tuple[int, ...]]:
        """Return draws from what TPE takes for good, instead of what was asked for last.

        The best of many candidates, and the maximum of an acquisition, would be the same architecture again.
        """
        self._redrawn = True
        numbers = range(first_number, first_number + count)
        for number in numbers:
            self._tell(number, None)
        return [self._ask(number, attempt) for number in numbers]

    def observe(self, credited: Sequence[Credit]) -> None:
        """Learn nothing: the history of the next request says it all."""

    def restore(self, checkpoint: bytes) -> None:
        """Return to the one state that there is."""

    def _begin(self) -> None:
        """Begin with an empty study, which takes in the whole history with the next request."""
        self._study = optuna.create_study(direction="maximize", sampler=self._sampler(0))
        self._places: dict[int, int] = {}  # of a trial of ours in the study
        self._open: set[int] = set()
        self._redrawn = False

    def _sampler(self, number: int, attempt: int = 0) -> BaseSampler:
        purpose = f"bayesian again {attempt}" if attempt else "bayesian"
        seed, startup = stream_seed(self._seed, purpose, number) % _SEEDS, self._section.startup_trials
        if self._section.sampler is Sampler.GAUSSIAN_PROCESS and not attempt:
            return _OverAll(self._space, GPSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False))
        tpe = TPESampler(
            seed=seed,
            n_startup_trials=startup,
            n_ei_candidates=1 if attempt else self._section.candidates,
            multivariate=self._section.multivariate,
            constant_liar=self._section.constant_liar,
        )
        return _OverAll(self._space, tpe) if self._section.multivariate else tpe

    def _ask(self, number: int, attempt: int = 0) -> tuple[int, ...]:
        self._study.sampler = self._sampler(number, attempt)
        asked = self._study.ask(self._space)
        self._places[number] = asked.number
        self._open.add(number)
        return tuple(asked.params.get(name, 0) for name, _ in self._names)

    def _take_in(self, history: History) -> None:
        """Bring the study to where the search is."""
        rewards = {credit.number: credit for credit in history.credits if credit.number not in self._places}
        for number in sorted(rewards.keys() | (history.open.keys() - self._places.keys())):
            self._add(number, rewards[number].tokens if number in rewards else history.open[number], rewards.get(number))
        for credit in history.credits:
            if credit.number in self._open:
                self._tell(credit.number, credit.reward)
        for number in sorted(self._open - history.open.keys()):  # it was lost, or its proposal never came to be
            self._tell(number, None)

    def _add(self, number: int, tokens: Sequence[int], credit: Credit | None) -> None:
        params = {name: token for (name, _), token in zip(self._names, tokens, strict=True) if name in self._space}
        state = TrialState.RUNNING if credit is None else TrialState.COMPLETE
        value = None if credit is None else credit.reward
        self._places[number] = len(self._study.get_trials(deepcopy=False))
        self._study.add_trial(create_trial(state=state, value=value, params=params, distributions=self._space))
        if credit is None:
            self._open.add(number)

    def _tell(self, number: int, reward: float | None) -> None:
        self._open.remove(number)
        if reward is None:
            self._study.tell(self._places.pop(number), state=TrialState.FAIL)
        else:
            self._study.tell(self._places[number], reward)


class _OverAll(BaseSampler):
    """Another sampler over a space that is known, which that one would infer from all trials at every proposal."""

    def __init__(self, space: dict[str, BaseDistribution], sampler: BaseSampler) -> None:
        self._space = space
        self._sampler = sampler

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        return self._space

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)


def _names(decisions: Sequence[Decision]) -> list[tuple[str, int]]:
    """Return a name and a bound for each token; the candidates of a subset are chosen or not independently."""
    return [
        (decision.name if decision.width == 1 else f"{decision.name}[{position}]", decision.bound)
        for decision in decisions
        for position in range(decision.width)
    ]
