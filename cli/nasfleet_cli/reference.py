"""Prints the reference page of the command line: every command, argument and option, as `--help` has them."""

import sys
from collections.abc import Iterator

import click

from nasfleet_cli.main import cli

_INTRODUCTION = """\
# The command line

<!-- Written by `python -m nasfleet_cli.reference` from the commands themselves; do not edit. -->

Searches and trials are called by their short names, `digits` and `digits/17`, or in full as in the contract,
`namespaces/default/searches/digits/trials/17`. A command talks to the controller that `--controller` names, else to the one
that serves the state directory, else to one that it starts on that directory for as long as it needs it.

With `--context` it talks to the controller in a cluster, by `kubectl port-forward` to its service, which ends with the command;
that takes the right to get and list services, pods and ConfigMaps there and to create `pods/portforward`. What is declared in
the cluster is suspended, resumed and deleted where it is declared, as `ArchitectureSearch`.

Exit codes: 0 all is well; 1 something is missing (`doctor`), or the search was suspended from elsewhere (`run`); 2 what was
asked for is wrong or cannot be had, with a message that names the value and the fix; 130 interrupted by Ctrl-C.
"""
_SERVERS = ("controller", "trainer")


def page() -> str:
    """Return the text of the page, in Markdown."""
    return "\n".join([_INTRODUCTION, *_sections(cli, "nasfleet", None)])


def _sections(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    """Yield the section of a command, or those of all commands of a group."""
    context = click.Context(command, info_name=path, parent=parent)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from _sections(command.commands[name], f"{path} {name}", None)
        return
    yield f"## {path}\n"
    if command.name in _SERVERS:
        yield f"{_text(command.help)} Its options: [configuration](configuration.md#{command.name}).\n"
        return
    yield f"```\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    yield f"{_text(command.help)}\n"
    rows = [_row(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        yield "| option | meaning |\n| --- | --- |"
        yield "\n".join(rows) + "\n"


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    names, meaning = (" ".join(part.split()).replace("|", "\\|") for part in record)
    return f"| `{names}` | {meaning} |"


def _text(help_text: str | None) -> str:
    assert help_text is not None
    return " ".join(help_text.partition("(options:")[0].split()).rstrip(".") + "."


if __name__ == "__main__":
    sys.stdout.write(page())
