"""`bionemo run`: take what `kubectl apply` takes and run it on this machine, preparations first, then trainings.

A training becomes the same plan that a cluster would get, as an application of TorchX's local scheduler.
"""

import os
import shlex
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text
from torchx.schedulers.local_scheduler import create_scheduler

from bionemo_operator.cli.claims import parse_claims
from bionemo_operator.cli.documents import read_documents
from bionemo_operator.cli.follow import Ended, Patience, follow
from bionemo_operator.cli.local_app import LocalApp
from bionemo_operator.cli.local_training import LocalTraining, Opened, locate, open_attempt
from bionemo_operator.cli.output import console
from bionemo_operator.cli.preprocess import prepare_dataset, resource_plan
from bionemo_operator.cli.progress_view import view_of
from bionemo_operator.cli.run_outcome import print_failure, print_stopped, print_success
from bionemo_operator.cli.selection import Changes, Selection, select
from bionemo_operator.cli.stop_wishes import StopWishes
from bionemo_operator.cli.workstation import Workstation, shortage, this_workstation
from bionemo_operator.planning.plan import Plan
from bionemo_operator.planning.torchx_app import Place, app_for, last_words_file
from bionemo_operator.planning.training_plan import Attempt, plan_for
from bionemo_trainer.contract import MAIN_MODULE, ExitCode
from bionemo_trainer.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for."""

    paths: Sequence[Path]
    changes: Changes
    claims: Sequence[str] = ()
    only: Sequence[str] = ()
    fresh: bool = False
    command: Sequence[str] = ()
    """The words of the command line, for the advice how to go on."""
    module: str = MAIN_MODULE
    """What trains."""
    patience: Patience = field(default_factory=Patience)


def run_files(request: Request) -> int:
    """Prepare every dataset, then run every training, and return the exit code of the first that did not succeed.

    Raises:
        ConfigError: A file is wrong, or this machine can't run it; nothing was started.
        BioNeMoError: A preparation failed, or data are missing; finished work is kept.
    """
    claims = parse_claims(request.claims)
    documents, failures = read_documents(request.paths)
    if failures:
        raise ConfigError(problem for _, error in failures for problem in error.problems)
    selection = select(documents, request.changes, request.only)
    here = this_workstation(os.environ)
    trainings = _located(selection, claims, here)
    out = console()
    for preprocess in selection.preprocesses:
        prepare_dataset(preprocess.metadata.name, resource_plan(preprocess, claims), out)
    for local in trainings:
        exit_code = run_training(local, request, here, out)
        if exit_code != ExitCode.OK:
            return exit_code
    return ExitCode.OK


def run_training(local: LocalTraining, request: Request, here: Workstation, out: Console) -> int:
    """Run one training until it ends, say what it came to, and return its exit code.

    Raises:
        BioNeMoError: It can't start.
    """
    opened = open_attempt(local, fresh=request.fresh)
    for warning in opened.warnings:
        console(stderr=True).print(Text(f"warning: {warning}", "yellow"))
    metrics_port, master_port = free_ports(2)
    attempt = Attempt(
        number=opened.number,
        config_file=opened.config_file,
        metrics_port=metrics_port,
        grace_seconds=request.patience.grace_seconds,
    )
    plan = plan_for(local.training, attempt, request.module)
    place = Place(
        cores=here.cores,
        gpus=here.gpus,
        master_port=master_port if plan.nodes > 1 else 0,
        folder=opened.folder,
    )
    before = _state_of(local.folder.metrics)
    ended, log = supervise(plan, place, metrics_port, opened, request.patience, out)
    if ended.exit_code == ExitCode.OK:
        was_complete = before is not None and _state_of(local.folder.metrics) == before
        print_success(out, local.name, local.folder, was_complete=was_complete)
    elif ended.was_stopped:
        print_stopped(out, local.name, local.folder, ended, going_on(request.command))
    else:
        print_failure(out, local.name, ended, log, last_words_file(opened.folder, ended.rank))
    return ended.exit_code


def supervise(
    plan: Plan, place: Place, metrics_port: int, opened: Opened, patience: Patience, out: Console
) -> tuple[Ended, Path]:
    """Start a plan and stay with it until it has ended.

    Args:
        plan: What to start.
        place: What this machine gives it.
        metrics_port: Where rank 0 answers.
        opened: The attempt that it is.
        patience: How long its nodes may take to end.
        out: Where to show how it is doing.

    Returns:
        How it ended, and the log of the node that tells why.
    """
    wishes = StopWishes()
    scheduler = create_scheduler(f"attempt-{opened.number}")
    with wishes:
        app = LocalApp(app_for(plan, place), opened.logs, scheduler)
        try:
            out.print(Text(f"{plan.name}: attempt {opened.number}, log in {app.log_of(0)}", "bold"))
            with view_of(plan.name, out) as view:
                ended = follow(app, metrics_port, view, wishes, patience)
        finally:
            app.close()
    return ended, app.log_of(ended.rank)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on at the moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def going_on(command: Sequence[str]) -> str:
    """The command that goes on with a stopped run: the same, but for what would begin anew."""
    return shlex.join(word for word in command if word != "--fresh")


def _located(selection: Selection, claims: Mapping[str, Path], here: Workstation) -> list[LocalTraining]:
    """All trainings with their places, or every reason why one can't run here."""
    located: list[LocalTraining] = []
    problems: list[Problem] = []
    for training in selection.trainings:
        problems += filter(None, [shortage(training, here)])
        try:
            located.append(locate(training, selection.known, claims))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return located


def _state_of(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written; None when there is none."""
    if not path.exists():
        return None
    state = path.stat()
    return state.st_size, state.st_mtime_ns
