"""What a comparison is made from: the settled trials of each contender's runs, in the order in which they settled."""

from dataclasses import dataclass

from nasfleet.catalogue import SearchSpec


@dataclass(frozen=True, slots=True)
class Contender:
    """A search under one strategy, which all its runs differ from by the seed alone."""

    name: str
    spec: SearchSpec


@dataclass(frozen=True, slots=True)
class SettledTrial:
    """One trial, as far as comparisons read it.

    Attributes:
        architecture: its canonical hash.
        reward: None if it was lost.
        seconds: from the beginning of the search until it had settled.
        trainer_seconds: that trainers had worked on the search until then.
    """

    architecture: str
    reward: float | None
    seconds: float
    trainer_seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """One search of a contender, from its beginning to its end."""

    contender: str
    seed: int
    trials: tuple[SettledTrial, ...]
