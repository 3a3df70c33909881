"""Line charts in text: braille characters, each a grid of two by four dots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

_BLANK = 0x2800
_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # [row of dots][column of dots], as Unicode numbers them
_DOTS_ACROSS = 2
_DOTS_DOWN = 4
_MOST_POINTS = 4000  # a scatter of more looks the same and takes longer


@dataclass(frozen=True, slots=True)
class Series:
    """Values at equal distances; `joined` draws a line through them, else each is a dot."""

    values: Sequence[float]
    style: str
    joined: bool


Dot = tuple[int, int]


def chart(series: Sequence[Series], low: float, high: float, columns: int, rows: int) -> list[Text]:
    """Return `rows` lines of `columns` characters; later series lie above earlier ones, `high` is at the top."""
    masks = [[0] * columns for _ in range(rows)]
    styles = [[""] * columns for _ in range(rows)]
    for one in series:
        for x, y in _dots(one, low, high, columns * _DOTS_ACROSS, rows * _DOTS_DOWN):
            row, column = y // _DOTS_DOWN, x // _DOTS_ACROSS
            masks[row][column] |= _DOT_BITS[y % _DOTS_DOWN][x % _DOTS_ACROSS]
            styles[row][column] = one.style
    return [
        Text.assemble(*((chr(_BLANK + mask), style) for mask, style in zip(mask_row, style_row, strict=True)))
        for mask_row, style_row in zip(masks, styles, strict=True)
    ]


def _dots(series: Series, low: float, high: float, width: int, height: int) -> Iterator[Dot]:
    if not series.values:
        return
    levels = [(high - value) / ((high - low) or 1.0) * (height - 1) for value in series.values]
    yield from _line(levels, width) if series.joined else _scatter(levels, width)


def _scatter(levels: Sequence[float], width: int) -> Iterator[Dot]:
    last = len(levels) - 1
    for index in range(0, last + 1, 1 + last // _MOST_POINTS):
        yield (round(index / last * (width - 1)) if last else 0), round(levels[index])


def _line(levels: Sequence[float], width: int) -> Iterator[Dot]:
    last = len(levels) - 1
    before = round(levels[0])
    for x in range(width):
        position = x / max(width - 1, 1) * last
        left = int(position)
        right = min(left + 1, last)
        y = round(levels[left] + (levels[right] - levels[left]) * (position - left))
        yield x, y
        yield from ((x, between) for between in range(min(before, y) + 1, max(before, y)))
        before = y
