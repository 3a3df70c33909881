"""Where the data that a search names lie: below the trainer's data directory."""

from pathlib import Path

from nasfleet.errors import InvalidInputError


def below(data_dir: Path, given: str, *, name: str, kind: str) -> Path:
    """Return the file or folder that a search names in the field `name`.

    Raises:
        InvalidInputError: if it lies elsewhere on the trainer's machine, where a search may name nothing.
    """
    path = Path(given)
    if path.is_absolute() or ".." in path.parts:
        raise InvalidInputError(f"{name} is {given}: give a {kind} below the trainer's data directory, as {path.name}")
    return data_dir / path
