"""The scores of an agent's episodes: whether they solve the task, and whether one of them alone would."""

from collections import deque

from nasfleet.catalogue.lunar_lander import LanderScore, LunarLander

_COURSE_DIVISOR, _COURSE_LEAST = 30, 1e-5


class Scores:
    """The last scores of a training, and the greatest."""

    def __init__(self, section: LunarLander) -> None:
        self._section = section
        self._last: deque[float] = deque(maxlen=section.solved_episodes)
        self._best = float("-inf")

    def add(self, score: float) -> None:
        """Take in the score of an episode."""
        self._last.append(score)
        self._best = max(self._best, score)

    @property
    def solved(self) -> bool:
        """Whether enough episodes in a row have a mean score that is good enough; one good episode is luck."""
        enough = len(self._last) == self._section.solved_episodes
        return enough and sum(self._last) / len(self._last) >= self._section.solved_score

    def figure_of_merit(self, mean: float) -> float:
        """Return what an agent with this mean score in its evaluation is worth."""
        if self._section.score is LanderScore.MEAN:
            return mean
        return abs(mean) / _COURSE_DIVISOR if self._best >= self._section.solved_score else _COURSE_LEAST
