"""What the live view shows: one value, made anew from what the controller says; drawing it needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from nasfleet.v1.fleet_pb2 import Trainer
from nasfleet.v1.search_pb2 import Search
from nasfleet.v1.trial_pb2 import Trial
from nasfleet_cli.reward_curve import RewardCurve

_RECENT = 8
_NOTICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """A search as it is followed.

    Attributes:
        search: as the controller last said.
        trainers: those that work for it, by name.
        curve: rewards of the settled trials.
        recent: the last settled trials, newest first.
        notices: the last things that happened besides trials: "trainer-1 ended and was started again".
        noticed: how many notices there were.
        hint: one line on what can be typed.
        waiting: one line on what it waits for if no trial is in training; empty otherwise.
    """

    search: Search
    trainers: tuple[Trainer, ...] = ()
    curve: RewardCurve = field(default_factory=RewardCurve)
    recent: tuple[Trial, ...] = ()
    notices: tuple[str, ...] = ()
    noticed: int = 0
    hint: str = ""
    waiting: str = ""

    def with_search(self, search: Search) -> Self:
        """Return the view of a newer search."""
        return replace(self, search=search)

    def with_trainers(self, trainers: Sequence[Trainer]) -> Self:
        """Return the view with the fleet as it now is."""
        return replace(self, trainers=tuple(trainers))

    def with_settled(self, trials: Sequence[Trial]) -> Self:
        """Return the view with more settled trials, in the order in which they settled."""
        rewards = (trial.reward for trial in trials if trial.HasField("reward"))
        recent = (*reversed(trials[-_RECENT:]), *self.recent)[:_RECENT]
        return replace(self, curve=self.curve.extended(rewards), recent=recent)

    def with_notice(self, notice: str) -> Self:
        """Return the view with one more notice; old ones go, and what was just said is not said again."""
        if self.notices[-1:] == (notice,):
            return self
        return replace(self, notices=(*self.notices, notice)[-_NOTICES:], noticed=self.noticed + 1)
