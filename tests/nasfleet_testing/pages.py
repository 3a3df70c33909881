"""Pages of the documentation as what can be checked of them: commands, files to make, links.

A fenced block of `console` holds commands, each after "$ "; the rest is what they print. A comment before the block says how
it is tested: `<!-- test: skip -->`; with a small budget by `<!-- test: trials 12 in FILE -->`; followed by waiting for what it
makes by `<!-- test: wait for FILE -->`. A block after `<!-- file: NAME -->` is the content of a file that commands use. A page
with `<!-- tested: on a cluster -->` needs one, a page with `<!-- tested: beside PostgreSQL -->` a server, and one
with `<!-- needs: PROGRAM -->` that program.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"(?P<notes>(?:<!-- [^\n]* -->\n)*)\n*```(?P<language>\w*)\n(?P<content>.*?)^```$", re.DOTALL | re.MULTILINE
)
_NOTE = re.compile(r"<!-- (test|file): (.*?) -->")
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and the notes before it."""

    language: str
    content: str
    notes: tuple[tuple[str, str], ...]

    @property
    def commands(self) -> list[str]:
        """Return what is typed, a command per entry; lines that end with a backslash go on."""
        joined = self.content.replace("\\\n", "")
        return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """Return every page that people read."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [
        Block(found["language"], found["content"], tuple(_NOTE.findall(found["notes"])))
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def on_a_cluster(page: Path) -> bool:
    """Return whether the commands of a page need a Kubernetes cluster."""
    return "<!-- tested: on a cluster -->" in page.read_text(encoding="utf-8")


def beside_postgresql(page: Path) -> bool:
    """Return whether the commands of a page need a PostgreSQL server, whose administrator they are."""
    return "<!-- tested: beside PostgreSQL -->" in page.read_text(encoding="utf-8")


def needed_programs(page: Path) -> list[str]:
    """Return the programs that the commands of a page need beside ours."""
    return re.findall(r"<!-- needs: (\S+) -->", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links and pictures."""
    for found in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        yield found[0] or found[1]


def anchors(page: Path) -> set[str]:
    """Return what a link into a page may have after its #."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def script(page: Path) -> str:
    """Return a page as a script for bash, which stops at the first command that fails."""
    lines = ["set -e", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    for block in blocks(page):
        notes = dict(block.notes)
        if "file" in notes:
            lines += [f"cat > {shlex.quote(notes['file'])} <<'END OF FILE'", block.content + "END OF FILE"]
        test = notes.get("test", "")
        if block.language == "console" and test != "skip":
            lines += _run(block, test)
    return "\n".join([*lines, "exit 0"])


def _run(block: Block, test: str) -> Iterator[str]:
    if budget := re.fullmatch(r"trials (\d+) in (\S+)", test):
        yield f"sed -i -E 's/trials: [0-9]+/trials: {budget[1]}/' {budget[2]}"
    for command in block.commands:
        yield f"echo {shlex.quote('$ ' + command)}"
        yield command.replace("make demo", "make demo INSTALLED=")  # it is installed already
    if awaited := re.fullmatch(r"wait for (\S+)", test):
        yield f"for _ in $(seq 300); do test -e {awaited[1]} && break; sleep 0.1; done"
