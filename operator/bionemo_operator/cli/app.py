"""The commands and their options, in one place; what they do stands in the modules beside this one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bionemo_operator.cli import cluster_app
from bionemo_trainer.config.speed.gpus import GpuName

app = typer.Typer(
    name="bionemo",
    help="Prepare data for and train large biomolecular language models, on this machine or on a Kubernetes cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Files = Annotated[
    list[Path],
    typer.Option("--filename", "-f", help="A YAML file, a folder of them, or - for standard input; may be repeated."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes in Hydra's grammar, such as model.micro_batch_size=64.", show_default=False),
]
Claims = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=FOLDER: the folder that stands for a claim; ./volumes/NAME unless given.", show_default=False
    ),
]
Workers = Annotated[int | None, typer.Option(help="Processes; all cores unless given.", min=1, show_default=False)]


@app.command()
def recipes() -> None:
    """List every shipped configuration with its size."""
    from bionemo_operator.cli.recipes import list_recipes  # noqa: PLC0415

    list_recipes()


@app.command()
def show(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, as `bionemo recipes` lists it.")],
    overrides: Overrides = None,
) -> None:
    """Print a recipe resolved: every setting with the value that a run would have."""
    from bionemo_operator.cli.recipes import show_recipe  # noqa: PLC0415

    show_recipe(recipe, overrides or [])


@app.command()
def check(
    filename: Files,
    overrides: Overrides = None,
    gpu: Annotated[
        GpuName | None,
        typer.Option(help="GPU to estimate speed for; else the one that nodeSelector asks for, or h100."),
    ] = None,
    network: Annotated[
        int | None, typer.Option(help="Gbit/s from each GPU to other nodes; else as is usual for the GPU.", min=1)
    ] = None,
    mean_length: Annotated[
        float | None, typer.Option(help="Tokens of a sequence on average; else a usual length is assumed.", min=1)
    ] = None,
) -> None:
    """Check resources and BioNeMo configuration files without a cluster, a GPU or torch.

    Prints the arithmetic of each training with an estimate of its speed, or every problem with its mend. Exit code 64
    when something is wrong. OVERRIDES apply to BioNeMo configuration files; resources carry their own.
    """
    from bionemo_operator.cli.check import check_files  # noqa: PLC0415
    from bionemo_operator.cli.speed import Assumptions  # noqa: PLC0415

    assumptions = Assumptions(gpu=gpu, network_gbit=network, mean_length=mean_length)
    raise typer.Exit(check_files(filename, overrides or [], assumptions))


@app.command()
def preprocess(
    filename: Files,
    overrides: Overrides = None,
    claim: Claims = None,
    workers: Workers = None,
) -> None:
    """Prepare the data that BioNeMoPreprocess resources or BioNeMo configuration files ask for, on this machine.

    An interrupted preparation goes on where it was; a finished one has nothing to do.
    """
    from bionemo_operator.cli.preprocess import preprocess_files  # noqa: PLC0415

    preprocess_files(filename, overrides or [], claim or [], workers)


@app.command()
def run(  # noqa: PLR0913 - each is an option
    filename: Files,
    overrides: Overrides = None,
    *,
    claim: Claims = None,
    nodes: Annotated[int | None, typer.Option(help="In place of spec.nodes.", min=1, show_default=False)] = None,
    gpus: Annotated[int | None, typer.Option(help="In place of spec.gpusPerNode.", min=0, show_default=False)] = None,
    processes: Annotated[
        int | None, typer.Option(help="In place of spec.processesPerNode.", min=1, show_default=False)
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Name of a resource to run alone, with the data that it needs.", show_default=False),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Put an earlier run aside, as NAME.1, instead of going on with it.")
    ] = False,
) -> None:
    """Run BioNeMoPreprocess and BioNeMoTraining resources on this machine, as a cluster would: data first.

    OVERRIDES apply to the trainings, after their own. Ctrl-C saves a checkpoint and ends; the same command goes on.
    """
    from bionemo_operator.cli.run import Request, run_files  # noqa: PLC0415
    from bionemo_operator.cli.selection import Changes  # noqa: PLC0415

    changes = Changes(nodes=nodes, gpus=gpus, processes=processes, overrides=tuple(overrides or ()))
    command = ["bionemo", *sys.argv[1:]]
    request = Request(
        paths=filename, changes=changes, claims=claim or (), only=only or (), fresh=fresh, command=command
    )
    raise typer.Exit(run_files(request))


@app.command()
def report(
    run_folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, as `bionemo run` prints it.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; DIR/records/report.html unless given.", show_default=False),
    ] = None,
) -> None:
    """Write what a run has learnt as one HTML file: curves, rates, molecules or residues, changes of its recipe."""
    from bionemo_operator.cli.report import write_report  # noqa: PLC0415

    write_report(run_folder, output)


@app.command()
def inspect(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset: train, val, test and manifest.json.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Also hash every file and compare with the manifest.")
    ] = False,
) -> None:
    """Describe a prepared dataset: counts, lengths, duplicates, rejects, checksum."""
    from bionemo_operator.cli.inspect import inspect_dataset  # noqa: PLC0415

    inspect_dataset(dataset, verify=verify)


app.add_typer(cluster_app.app)
