"""`nasfleet completion`: what a shell needs to complete our commands and options."""

import click
from click.shell_completion import get_completion_class

_HOW = {
    "bash": 'eval "$(nasfleet completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(nasfleet completion zsh)"    # in ~/.zshrc',
    "fish": "nasfleet completion fish | source    # in ~/.config/fish/config.fish",
}


@click.command("completion", epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(sorted(_HOW)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL."""
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(context.find_root().command, {}, "nasfleet", "_NASFLEET_COMPLETE").source())
