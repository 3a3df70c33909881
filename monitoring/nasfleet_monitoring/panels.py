"""What a dashboard is made of, before it is anybody's format."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """How a panel shows its series."""

    LINES = auto()
    AREAS = auto()
    """Lines on top of each other: parts of a whole."""
    HEATMAP = auto()
    """The buckets of a histogram over time."""
    NUMBER = auto()
    """The latest value, large."""
    TABLE = auto()
    """The latest values, the largest first."""


@dataclass(frozen=True, slots=True)
class Series:
    """One expression of PromQL; the legend names each line by its labels, as `{{search}}`."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One question, answered by one or more series of the same unit.

    Attributes:
        unit: as Grafana names it.
        description: what it means, and what to do about it.
        highest: where the axis ends, for what has a greatest value.
    """

    title: str
    unit: str
    description: str
    series: tuple[Series, ...]
    kind: Kind = Kind.LINES
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What whoever looks may choose: the values of a label of a metric.

    Attributes:
        several: whether several may be chosen at once; all are, at first.
    """

    name: str
    title: str
    metric: str
    label: str
    several: bool = True


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page; `uid` is part of its address and never changes."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """Yield the panels of all rows, in order."""
        for row in self.rows:
            yield from row.panels
