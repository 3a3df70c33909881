"""Where panels stand: in lines below the title of their row, as wide as the line lets them be."""

from collections.abc import Iterator
from dataclasses import dataclass

from nasfleet_monitoring.panels import Dashboard, Panel, Row

WIDTH = 24
HEIGHT = 8
MOST_IN_A_LINE = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A panel, or the title of a row, and where it stands in units of Grafana's grid."""

    shown: Panel | Row
    x: int
    y: int
    width: int
    height: int


def places(dashboard: Dashboard) -> Iterator[Place]:
    """Yield everything that a dashboard shows, from top to bottom."""
    y = 0
    for row in dashboard.rows:
        yield Place(row, 0, y, WIDTH, 1)
        y += 1
        lines = -(-len(row.panels) // MOST_IN_A_LINE)
        in_a_line = -(-len(row.panels) // lines)
        for number, panel in enumerate(row.panels):
            line, column = divmod(number, in_a_line)
            here = min(in_a_line, len(row.panels) - line * in_a_line)
            yield Place(panel, column * WIDTH // here, y + line * HEIGHT, WIDTH // here, HEIGHT)
        y += lines * HEIGHT
