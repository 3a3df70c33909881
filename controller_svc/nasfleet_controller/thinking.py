"""The one thread in which strategies think: they propose and learn there, in order, and never block the event loop.

Strategies are built there too, since a policy needs torch and torch takes seconds to import.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from nasfleet.catalogue import Batching, Bayesian, Duplicates, Evolution, Exhaustive, Grid, Random, Reinforce, SearchSpec
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.space import SearchSpace
from nasfleet_controller.batching import Arrival, BatchRequest, Group, Together
from nasfleet_controller.hindsight import of_earlier
from nasfleet_controller.records import Prior, Proposal
from nasfleet_controller.search import Search
from nasfleet_controller.snapshots import SearchSnapshot
from nasfleet_controller.strategies.building import build_strategy
from nasfleet_controller.strategies.resampling import resampled
from nasfleet_controller.strategies.strategy import Credit, Redrawing, Strategy, Update, Warmed
from nasfleet_controller.strategies.suiting import reach

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draw:
    """A batch as it was drawn."""

    policy_version: int
    layers: int | None
    proposals: tuple[Proposal, ...]


@dataclass(slots=True)
class Mind:
    """The strategy of one search, with its spaces by depth; used in the thinking thread only."""

    spec: SearchSpec
    checkpoint: bytes | None
    priors: Sequence[Prior] = ()
    _strategy: Strategy | None = None
    _spaces: dict[int | None, SearchSpace] = field(default_factory=dict)

    @property
    def strategy(self) -> Strategy:
        """Built when it is first needed, taught what the search began with, and brought to where its last update left it."""
        if self._strategy is None:
            self._strategy = build_strategy(self.spec)
            if self.priors and reach(self.spec) == 0:  # others find them in the history of each request
                _warm(self._strategy, self.priors)
            if self.checkpoint is not None:
                self._strategy.restore(self.checkpoint)
        return self._strategy

    def draw(self, request: BatchRequest, proposed: Collection[str] = ()) -> Draw:
        """Propose a batch, given the canonical hashes of what was proposed before; its depth is that of its first trial."""
        layers = layers_at(self.spec.search_space, request.first_number)
        if layers not in self._spaces:
            self._spaces[layers] = build_space(self.spec.search_space, layers)
        canonical = self._spaces[layers].canonical
        place = (request.batch, request.first_number)
        drawn = self.strategy.propose(*place, request.count, request.history)
        if self.spec.duplicates is Duplicates.RESAMPLE and isinstance(self.strategy, Redrawing):
            redraw = partial(self.strategy.redraw, *place, len(drawn), request.history)
            drawn = resampled(drawn, proposed, redraw, canonical)
        proposals = tuple(
            Proposal(request.first_number + offset, tokens, canonical(tokens)) for offset, tokens in enumerate(drawn)
        )
        return Draw(self.strategy.version, layers, proposals)

    def learn(self, group: Group) -> Update | None:
        """Learn from the trials of a group that have a reward; lost ones shrink it."""
        credits_earned = [
            Credit(trial.number, trial.tokens, trial.layers, trial.reward, trial.policy_version)
            for trial in group
            if trial.reward is not None
        ]
        return self.strategy.observe(credits_earned) if credits_earned else None


def _warm(strategy: Strategy, priors: Sequence[Prior]) -> None:
    """Teach a strategy at its beginning; from the same trials it always comes to the same state, so none need be kept of it."""
    if not isinstance(strategy, Warmed):
        raise TypeError(f"{type(strategy).__name__} is not taught by a warm start, and the catalogue lets it have one")
    strategy.begin_with(of_earlier(priors))


def new_search(snapshot: SearchSnapshot) -> Search:
    """Return the state machine of a search, with the batching that its strategy asks for if it learns, and its view back."""
    strategy = snapshot.spec.strategy
    batching: Together | Arrival | None
    match strategy:
        case Reinforce(batching=Batching.ARRIVAL):
            batching = Arrival(strategy.batch_size)
        case Reinforce():
            batching = Together()
        case Random() | Exhaustive() | Evolution() | Grid() | Bayesian():
            batching = None
    return Search(snapshot, batching, batch_size=strategy.batch_size, reach=reach(snapshot.spec))


class Thinker:
    """Runs strategies one job at a time, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="strategy")

    def think(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Return the job's result to come."""
        return asyncio.get_running_loop().run_in_executor(self._thread, job)

    def close(self) -> None:
        """Wait for the job that runs and forget those that wait."""
        self._thread.shutdown(wait=True, cancel_futures=True)
