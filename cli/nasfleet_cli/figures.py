"""How figures are written for people: short, with their unit, the same everywhere."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_PER_MINUTE_BELOW = 0.1
_PER_HOUR_BELOW = 0.1 / 60
_TENTHS_BELOW = 10
_GIBIBYTE = 2**30
ABSENT = "-"


def duration(seconds: float | None) -> str:
    """Return seconds as its two largest units, "1m12s"; tenths below ten seconds."""
    if seconds is None:
        return ABSENT
    if seconds < _TENTHS_BELOW:
        return f"{max(seconds, 0):.1f}s"
    rest = round(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        number, rest = divmod(rest, size)
        if number or parts:
            parts.append(f"{number}{unit}")
    return "".join(parts[:2])


def rate(trials_per_second: float) -> str:
    """Return a rate in the unit that leaves a readable number: "1.7 trials/s", "12 trials/h"."""
    if trials_per_second >= _TENTHS_BELOW:
        return f"{trials_per_second:,.0f} trials/s"
    if trials_per_second >= _PER_MINUTE_BELOW:
        return f"{trials_per_second:.1f} trials/s"
    if trials_per_second >= _PER_HOUR_BELOW:
        return f"{trials_per_second * 60:.2g} trials/min"
    return f"{trials_per_second * 3600:.2g} trials/h"


def reward(value: float | None) -> str:
    """Return a reward, or another figure of merit, to four digits."""
    return ABSENT if value is None else f"{value:.4g}"


def count(number: int | None) -> str:
    """Return a number of things with its thousands apart."""
    return ABSENT if number is None else f"{number:,}"


def memory(size: int | None) -> str:
    """Return the size of a memory, given in bytes."""
    return ABSENT if size is None else f"{size / _GIBIBYTE:,.0f} GiB"
