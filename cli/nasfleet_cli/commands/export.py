"""`nasfleet export`: a trial's network in a form for use elsewhere."""

from pathlib import Path

import click

from nasfleet.v1.results_pb2 import ExportFormat
from nasfleet_cli.addressing import trial_name
from nasfleet_cli.commands.get import namespace_option
from nasfleet_cli.target import Target, connected, target_or_cluster_options

_FORMATS = {
    "json": ExportFormat.EXPORT_FORMAT_JSON,
    "pytorch": ExportFormat.EXPORT_FORMAT_PYTORCH,
    "text": ExportFormat.EXPORT_FORMAT_TEXT,
}


@click.command("export")
@click.argument("trial")
@click.option("--search", help="Search of a trial that is given by its number alone.")
@click.option("--format", "form", type=click.Choice(sorted(_FORMATS)), default="json", show_default=True, help="Form.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; without it standard output.")
@namespace_option
@target_or_cluster_options
def export(trial: str, target: Target, search: str | None, namespace: str, *, form: str, output: Path | None) -> None:
    """Write the network of TRIAL for use elsewhere.

    TRIAL is SEARCH/NUMBER, as in digits/17. The forms are JSON, a PyTorch module that needs torch alone, and a drawing.
    """
    name = trial_name(trial, search, namespace)
    with connected(target) as client:
        exported = client.export_architecture(str(name), _FORMATS[form])
    if output is None:
        click.echo(exported.content, nl=not exported.content.endswith("\n"))
    else:
        output.write_text(exported.content, encoding="utf-8")
        click.echo(f"wrote {output}", err=True)
    if exported.HasField("weights_uri"):
        click.echo(f"trained weights: {exported.weights_uri}", err=True)
