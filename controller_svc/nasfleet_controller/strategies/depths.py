"""The decisions of a search space at each of its depths."""

from nasfleet.catalogue import SearchSpaceSection
from nasfleet.spaces.building import build_space, layers_at
from nasfleet.spaces.decision import Decision

Decisions = tuple[Decision, ...]


class Depths:
    """A space that may grow while it is searched; each depth is built once."""

    def __init__(self, section: SearchSpaceSection) -> None:
        self._section = section
        self._built: dict[int | None, Decisions] = {}

    def layers_at(self, trial_number: int) -> int | None:
        """Return the depth at which this trial is proposed; None for a space without growth."""
        return layers_at(self._section, trial_number)

    def decisions(self, layers: int | None) -> Decisions:
        """Return the decisions of the space at this depth."""
        if layers not in self._built:
            self._built[layers] = build_space(self._section, layers).decisions
        return self._built[layers]

    def deepest(self) -> Decisions:
        """Return the decisions of the space when it has stopped growing."""
        growth = self._section.growth
        return self.decisions(None if growth is None else growth.max_layers)
