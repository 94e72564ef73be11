"""The commands that speak of a cluster, and their options; what they do stands in the modules beside this one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bionemo_operator.cli.cluster_access import Access

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
Kubeconfig = Annotated[
    str | None,
    typer.Option(help="File that says how to reach clusters, in place of KUBECONFIG's.", show_default=False),
]
Context = Annotated[
    str | None, typer.Option(help="Context of the kubeconfig, in place of the current one.", show_default=False)
]
Name = Annotated[str, typer.Argument(help="Of a BioNeMoTraining, or else of a BioNeMoPreprocess.", show_default=False)]


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


@app.command(rich_help_panel=PANEL)
def submit(
    filename: Files, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None
) -> None:
    """Check files as `bionemo check` does, then apply all of them or none; says what was created or changed."""
    from bionemo_operator.cli.submit import submit_files  # noqa: PLC0415

    submit_files(filename, _access(namespace, kubeconfig, context))


@app.command(rich_help_panel=PANEL)
def suspend(name: Name, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None) -> None:
    """Let a training save a checkpoint and give its GPUs back, or let a preparation pause."""
    from bionemo_operator.cli.suspend import suspend_resource  # noqa: PLC0415

    suspend_resource(name, _access(namespace, kubeconfig, context))


@app.command(rich_help_panel=PANEL)
def resume(name: Name, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None) -> None:
    """Let a suspended training or preparation go on."""
    from bionemo_operator.cli.suspend import resume_resource  # noqa: PLC0415

    resume_resource(name, _access(namespace, kubeconfig, context))


@app.command(rich_help_panel=PANEL)
def status(
    name: Annotated[str | None, typer.Argument(help="Of the one to tell everything about.", show_default=False)] = None,
    *,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Those of all namespaces.")] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """List trainings and preparations, or tell of one why it is as it is, how far it is and what its failures were."""
    from bionemo_operator.cli.status import show_status  # noqa: PLC0415

    show_status(name, _access(namespace, kubeconfig, context), everywhere=everywhere)


@app.command(rich_help_panel=PANEL)
def logs(  # noqa: PLR0913 - each is an option
    name: Name,
    *,
    rank: Annotated[int | None, typer.Option(help="The node of this rank.", min=0, show_default=False)] = None,
    node: Annotated[int | None, typer.Option(help="This node, or share of a stage.", min=0, show_default="0")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as long as the pod writes.")] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print the log of a node in the newest attempt; all ranks of a node write to the same log."""
    from bionemo_operator.cli.logs import Wanted, show_logs  # noqa: PLC0415

    show_logs(name, Wanted(rank=rank, node=node, follow=follow), _access(namespace, kubeconfig, context))


@app.command(rich_help_panel=PANEL)
def events(name: Name, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None) -> None:
    """List what Kubernetes and the operator have told of a training or preparation, its jobs and pods."""
    from bionemo_operator.cli.events import show_events  # noqa: PLC0415

    show_events(name, _access(namespace, kubeconfig, context))


@app.command(rich_help_panel=PANEL)
def watch(name: Name, namespace: Namespace = None, kubeconfig: Kubeconfig = None, context: Context = None) -> None:
    """Show a training or preparation as it goes until it ends; exit code 0 when it succeeded, 1 when it did not."""
    from bionemo_operator.cli.watch import watch_resource  # noqa: PLC0415

    raise typer.Exit(watch_resource(name, _access(namespace, kubeconfig, context)))


def _access(namespace: str | None, kubeconfig: str | None, context: str | None) -> "Access":
    from bionemo_operator.cli.cluster_access import Access  # noqa: PLC0415

    return Access(namespace=namespace, kubeconfig=kubeconfig, context=context)
