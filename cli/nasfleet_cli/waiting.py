"""A search that stands still: since when no trial of it has been in training, and what can be said of the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from nasfleet.v1.fleet_pb2 import Trainer
from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet_cli import figures

PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """`since` when the search runs without a leased trial, in seconds of any clock; None while it has one."""

    since: float | None = None

    def then(self, search: Search, now: float) -> Self:
        """Return it after the search was seen at `now`."""
        if search.state != SearchState.SEARCH_STATE_RUNNING or search.counts.running:
            return type(self)()
        return type(self)(now) if self.since is None else self

    def told(self, search: Search, trainers: Sequence[Trainer], now: float) -> str:
        """Return one line on what the search waits for; empty if it does not, or not for long enough to be worth a word."""
        seconds = 0.0 if self.since is None else now - self.since
        if seconds < PATIENCE_SECONDS:
            return ""
        if search.message:  # of trainers that cannot run it
            return "no trial is in training: trainers that cannot run the search are tried again every 30 s"
        labels = sorted(search.spec.trainer_pool_selector.match_labels.items())
        wanted = "; the search wants trainers with " + ", ".join(f"{key}={value}" for key, value in labels) if labels else ""
        if not trainers:
            return f"no trainer is connected{wanted}"
        return f"no trainer has taken a trial for {figures.duration(seconds)}{wanted}"
