"""How large a page of a list is, whatever it lists."""

from nasfleet.errors import InvalidInputError

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000


def page_size(wanted: int, default: int = DEFAULT_PAGE) -> int:
    """Return the number of rows of a page, or raise InvalidInputError if less than none are wanted."""
    if wanted < 0:
        raise InvalidInputError(f"page_size is {wanted}: give 0 for the default or a positive number")
    return min(wanted or default, LARGEST_PAGE)
