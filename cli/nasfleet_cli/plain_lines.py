"""How a search goes in plain lines, for logs and pipes: one line when enough has happened, never a flood."""

from dataclasses import dataclass
from typing import Self

from nasfleet.v1.search_pb2 import Search, SearchState
from nasfleet_cli import figures
from nasfleet_cli.progress import progress_of
from nasfleet_cli.view_state import ViewState

_LINES_PER_SEARCH = 40
_LONGEST_SILENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PlainLines:
    """What was last said; a line is due after a share of the budget, after some seconds if anything has settled, and last."""

    settled: int = 0
    at: float = float("-inf")

    def due(self, search: Search, now: float) -> bool:
        """Return whether a line is worth saying at `now`, in seconds of any clock."""
        progress = progress_of(search)
        news = progress.settled - self.settled
        if search.state != SearchState.SEARCH_STATE_RUNNING:
            return news > 0
        share = max(progress.trials // _LINES_PER_SEARCH, 1)
        enough = news >= share and now - self.at >= 1.0
        return enough or (news > 0 and now - self.at >= _LONGEST_SILENCE_SECONDS)

    def said(self, search: Search, now: float) -> Self:
        """Return what to compare with next."""
        return type(self)(progress_of(search).settled, now)


def line(state: ViewState) -> str:
    """Return one line: `trial 57/200 reward 0.83 best 0.91 1.7 trials/s eta 1m12s`."""
    search, progress = state.search, progress_of(state.search)
    parts = [f"trial {progress.settled}/{progress.trials}"]
    if state.curve.rewards:
        parts.append(f"reward {figures.reward(state.curve.rewards[-1])}")
    if search.HasField("best_trial"):
        parts.append(f"best {figures.reward(search.best_trial.reward)}")
    parts.append(figures.rate(progress.trials_per_second))
    if search.state == SearchState.SEARCH_STATE_RUNNING and not state.waiting:
        parts.append(f"eta {figures.duration(progress.seconds_left)}")
    return " ".join(parts)
