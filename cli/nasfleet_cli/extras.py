"""Packages that only some of the programs need; whoever installed nasfleet without them is told which extra has them."""

import contextlib
from collections.abc import Iterator

from nasfleet.errors import InvalidInputError

PACKAGES = {
    "compare": ("matplotlib", "numpy", "scipy"),
    "controller": ("sqlalchemy", "alembic", "filelock", "torch"),
    "operator": ("kopf", "kubernetes", "aiohttp", "orjson", "structlog"),
    "trainer": ("numpy", "PIL", "safetensors", "sklearn", "torch"),
}


@contextlib.contextmanager
def needing(extra: str) -> Iterator[None]:
    """Turn the absence of one of the extra's packages into InvalidInputError; other import errors are bugs."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in PACKAGES[extra]:
            raise
        raise InvalidInputError(f"the package {error.name} is not installed: pip install 'nasfleet[{extra}]'") from error
