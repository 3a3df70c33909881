"""The custom resource definitions and the examples as they were before the definitions changed last, from git."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEFINITIONS = "operator/manifests/crds"


@dataclass(frozen=True, slots=True)
class Edition:
    """The definitions and the examples of one state of the repository, as texts by name of file."""

    definitions: dict[str, str]
    examples: dict[str, str]


def present_edition() -> Edition:
    """Return the edition of the working tree."""
    return Edition(_files(DEFINITIONS), _files("examples"))


def earlier_edition() -> Edition:
    """Return the last committed edition whose definitions differ from the present ones; the present one if there is no other.

    Raises:
        LookupError: if CI is set and the history is cut short, so that there may be another.
    """
    present = present_edition()
    for commit in _git("log", "--format=%H", "--", DEFINITIONS).split():
        definitions = _committed(commit, DEFINITIONS)
        if definitions and definitions != present.definitions:
            return Edition(definitions, _committed(commit, "examples"))
    if os.environ.get("CI") and _git("rev-parse", "--is-shallow-repository").strip() != "false":
        raise LookupError(f"no earlier {DEFINITIONS} in the history, which is not whole: fetch all of it")
    return present


def _files(folder: str) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted((ROOT / folder).glob("*.yaml"))}


def _committed(commit: str, folder: str) -> dict[str, str]:
    names = _git("ls-tree", "--name-only", commit, f"{folder}/").split()
    return {Path(name).name: _git("show", f"{commit}:{name}") for name in names if name.endswith(".yaml")}


def _git(*arguments: str) -> str:
    """Return what git says, nothing where there is no repository."""
    return subprocess.run(("git", "-C", str(ROOT), *arguments), capture_output=True, text=True, check=False).stdout
