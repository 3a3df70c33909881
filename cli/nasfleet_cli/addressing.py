"""What people call searches and trials: `digits`, `digits/17`, or the full names of the contract."""

from nasfleet.errors import InvalidInputError
from nasfleet.names import DEFAULT_NAMESPACE, SearchName, TrialName

_FULL = "namespaces/"


def search_name(text: str, namespace: str = DEFAULT_NAMESPACE) -> SearchName:
    """Return the name of a search that is written short or in full, or raise InvalidInputError."""
    return SearchName.parse(text if text.startswith(_FULL) else f"{_FULL}{namespace}/searches/{text}")


def trial_name(text: str, search: str | None, namespace: str = DEFAULT_NAMESPACE) -> TrialName:
    """Return the name of a trial: `SEARCH/NUMBER`, a number in `search`, or its full name.

    Raises:
        InvalidInputError: if it is none of these.
    """
    if text.startswith(_FULL):
        return TrialName.parse(text)
    before, slash, number = text.rpartition("/")
    given = before if slash else search
    if not number.isdecimal():
        raise InvalidInputError(f"{text!r} is no trial: give SEARCH/NUMBER, for example digits/17, or a number with --search")
    if not given:
        raise InvalidInputError(f"trial {text} of which search? Give SEARCH/{text}, or --search SEARCH")
    return TrialName(search_name(given, namespace), int(number))


def short(name: str) -> str:
    """Return how a full name of the contract is written on a command line, within its namespace."""
    return name.split("/searches/", 1)[-1].replace("/trials/", "/")
