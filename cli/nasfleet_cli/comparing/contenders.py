"""Which strategies are compared: by the name of their block, or by a search file that holds one with its settings."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasfleet.catalogue import InvalidParametersError, SearchSpec
from nasfleet.catalogue.fields import block_name, fields_of
from nasfleet.errors import InvalidInputError
from nasfleet_cli.comparing.runs import Contender
from nasfleet_cli.documents import read_document

BASELINE = "random"
_FILES = frozenset({".yaml", ".yml", ".json"})


def contenders(spec: SearchSpec, strategies: Iterable[str]) -> tuple[Contender, ...]:
    """Return the search under each of these strategies; random search is the baseline and comes first, asked for or not.

    Args:
        spec: the search; the strategy that it has itself keeps its settings.
        strategies: names of blocks, with the settings of `spec` or else their defaults, and paths of search files, of which
            only the strategy is read.

    Raises:
        InvalidInputError: if one is no strategy, is given twice, or does not go with the search.
    """
    chosen = {BASELINE: Contender(BASELINE, _with(spec, BASELINE, _of_block(spec, BASELINE)))}
    given: set[str] = set()
    for text in strategies:
        name = Path(text).stem if _is_file(text) else text
        if name in given or (name == BASELINE and _is_file(text)):
            raise InvalidInputError(f"--strategies has {name} twice: give each once, and files other names")
        given.add(name)
        strategy = read_document(Path(text)).spec.strategy if _is_file(text) else _of_block(spec, text)
        chosen[name] = Contender(name, _with(spec, text, strategy))
    return tuple(chosen.values())


def _is_file(text: str) -> bool:
    return Path(text).suffix in _FILES


def _of_block(spec: SearchSpec, name: str) -> Any:
    if block_name(type(spec.strategy)) == name:
        return spec.strategy
    field = next(entry for entry in fields_of(SearchSpec) if entry.name == "strategy")
    classes = {block_name(block): block for block in field.classes}
    if name not in classes:
        raise InvalidInputError(
            f"--strategies has {name!r}: give names among {', '.join(classes)}, or search files that end in .yaml"
        )
    try:
        return classes[name]()
    except (TypeError, InvalidParametersError) as error:
        raise InvalidInputError(f"--strategies has {name}, which needs settings: give a search file that has them") from error


def _with(spec: SearchSpec, text: str, strategy: Any) -> SearchSpec:
    try:
        return replace(spec, strategy=strategy)
    except InvalidParametersError as error:
        raise InvalidInputError(f"the strategy {text} does not go with this search: {error}") from error
