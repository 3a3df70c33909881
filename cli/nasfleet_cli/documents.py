"""Search files: read, checked and made ready to be sent."""

from dataclasses import replace
from pathlib import Path

from nasfleet.catalogue import SearchDocument
from nasfleet.document import load
from nasfleet.errors import InvalidInputError
from nasfleet_cli.lowering import lowered


def read_document(file: Path) -> SearchDocument:
    """Return the search of a file, a Python space of its own lowered to its decisions.

    Raises:
        InvalidInputError: if it cannot be read, or with all that is wrong in it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{file} is no UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}; give the path of a search file") from error
    try:
        document = load(text)
        return replace(document, spec=lowered(document.spec))
    except InvalidInputError as error:
        lines = "\n".join(f"- {line}" for line in str(error).splitlines())
        raise InvalidInputError(f"{file} is no valid search:\n{lines}") from error
