"""Prints a reference page, of `search` or `trainer-pool`: every field of the catalogue, in the order of a document."""

import sys
from collections.abc import Iterator
from typing import Any

from nasfleet.catalogue.checking import expectation
from nasfleet.catalogue.fields import Field, Kind, block_name, fields_of
from nasfleet.catalogue.pool import TrainerPool
from nasfleet.catalogue.search import ArchitectureSearch
from nasfleet.catalogue.status import PoolStatus
from nasfleet.catalogue.unserved import UNSERVED
from nasfleet.catalogue.wording import default_in_words

_SEARCH = """\
# The search document

<!-- Written by `python -m nasfleet.catalogue.reference search` from the catalogue of parameters; do not edit. -->

A search is one YAML or JSON document. The smallest one says what is searched, how, on which task, and for how long:

```yaml
apiVersion: nasfleet.dev/v1alpha1
kind: ArchitectureSearch
metadata: {name: first-search}
spec:
  searchSpace: {convChain: {}}
  strategy: {reinforce: {}}
  task: {imageClassification: {}}
  budget: {trials: 100}
```

What is chosen among alternatives is a block of that name, exactly one of each kind. Everything that is left out has the default
given here, by and large the published setting. A field that is unknown, stands there twice, is out of bounds or does not go
together with another is refused, with its path, its value and the fix, and so is what this version does not serve yet; nothing
is ignored. Numbers are numbers: `6e-4` is one. What YAML readers differ on has to be in quotes or written plainly: `on`, `yes`,
`010`, `12:30`, `1_000`, dates. Anchors, aliases, merges and tags are refused.

"Live" marks what may change while the search runs: apply the changed document, or give it to `nasfleet run` again.

`kubectl apply` takes the same document, fills the same defaults in and refuses the same mistakes. Four things are Kubernetes'
own: a field that is empty counts as absent; a whole number may be spelled `8e2` or `1.0` and is kept as `800` and `1`;
`metadata` may have labels and annotations; and what the API server cannot see, such as an option that stands there twice in two
spellings, is not refused at once: the resource says it in its condition Ready.
"""
_POOL = """\
# The trainer pool

<!-- Written by `python -m nasfleet.catalogue.reference trainer-pool` from the catalogue of parameters; do not edit. -->

A trainer pool is a resource of Kubernetes: trainers of one kind, which the operator keeps running. The smallest one is a
trainer with a GPU:

```yaml
apiVersion: nasfleet.dev/v1alpha1
kind: TrainerPool
metadata: {name: gpu, labels: {gpu: h200}}
spec: {}
```

`kubectl scale tp/gpu --replicas=400` says how many; `replicas` stays out of the file, so that applying it again does not undo
that. All fields may change at any time. What is unknown, out of bounds or does not go together is refused by the API server,
with its path and what to write instead, if kubectl asks for strict validation, as it does by default.

Searches in the same namespace select a pool by its labels, with `trainerPoolSelector`; those without a selector use every pool
there.
"""


def page(name: str) -> str:
    """Return the text of a page, in Markdown."""
    if name == "search":
        return "\n".join([_SEARCH, *_block_lines(ArchitectureSearch, ""), *_unserved_lines()])
    return "\n".join([_POOL, *_block_lines(TrainerPool, ""), *_block_lines(PoolStatus, "status")])


def _block_lines(block: type[Any], path: str, *, live: bool = False) -> Iterator[str]:
    """Yield a block's section, then those of the blocks below it."""
    fields = [field for field in fields_of(block) if field.about.in_document]
    yield f"## {path or 'The document'}\n"
    yield f"{_paragraph(block)}\n"
    for field in fields:
        if field.about.inline:
            yield f"{field.about.description} {_choice(field, path)}\n"
    rows = [_row(field, live=live) for field in fields if not field.about.inline]
    if rows:
        yield "| field | value | default | meaning |\n| --- | --- | --- | --- |"
        yield "\n".join(rows) + "\n"
    for field in fields:
        if field.kind is Kind.ENUM:
            yield f"`{field.document_name}` is one of:\n"
            yield "\n".join(f"- `{member.value}`: {member.description}" for member in field.classes[0]) + "\n"
    for field in fields:
        yield from _sections_below(field, path, live=live or field.about.changeable)


def _sections_below(field: Field, path: str, *, live: bool) -> Iterator[str]:
    place = path if field.about.inline else f"{path}.{field.document_name}".lstrip(".")
    match field.kind:
        case Kind.BLOCK:
            yield from _block_lines(field.classes[0], f"{place}[]" if field.repeated else place, live=live)
        case Kind.ONE_OF:
            if not field.about.inline:
                yield f"## {place}\n"
                yield f"{field.about.description} {_choice(field, place)}\n"
            for alternative in field.classes:
                yield from _block_lines(alternative, f"{place}.{block_name(alternative)}", live=live)


def _choice(field: Field, path: str) -> str:
    links = (f"[`{name}`](#{_anchor(f'{path}.{name}')})" for name in map(block_name, field.classes))
    return f"Exactly one of {', '.join(links)}."


def _row(field: Field, *, live: bool) -> str:
    about = field.about
    meaning = about.description
    meaning += f" Source: {about.source}." if about.source else ""
    meaning += " Live." if live or about.changeable else ""
    return f"| `{field.document_name}` | {expectation(field)} | {_default(field)} | {meaning} |"


def _default(field: Field) -> str:
    if field.required:
        return "required"
    if default := default_in_words(field):
        return f"`{default}`"
    return "none" if field.default is None else "see below" if field.kind is Kind.BLOCK and not field.repeated else "empty"


def _unserved_lines() -> Iterator[str]:
    yield "## Not served yet\n"
    yield "These names are reserved and refused until the version that serves them:\n"
    for path, names in UNSERVED.items():
        yield f"- `{'.'.join(path)}`: {', '.join(f'`{name}`' for name in sorted(names))}"
    yield ""


def _paragraph(block: type[Any]) -> str:
    return (block.__doc__ or "").strip().split("\n\n")[0]


def _anchor(heading: str) -> str:
    """Return what a heading is linked by: lower case, without points."""
    return heading.lower().replace(".", "")


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1]))
