"""The commands that speak of a cluster, and their options; what they do stands in the modules beside this one."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
"""Part of `app.app`."""

PANEL = "On a cluster"

Files = Annotated[
    list[Path],
    typer.Option("--filename", "-f", help="A YAML file, a folder of them, or - for standard input; may be repeated."),
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="In place of the kubeconfig's.", show_default=False),
]


@app.command(rich_help_panel=PANEL)
def render(
    filename: Files,
    namespace: Namespace = None,
    image: Annotated[
        str | None,
        typer.Option(help="Of the trainer, for resources that name none; as the operator is set.", show_default=False),
    ] = None,
) -> None:
    """Print every object that the operator would make, as YAML, without a cluster.

    For a training that is the PyTorchJob of its first attempt, as if its dataset were complete; for a preparation, the Jobs
    of all its stages.
    """
    from bionemo_operator.cli.render import render_files  # noqa: PLC0415

    render_files(filename, namespace, image)
