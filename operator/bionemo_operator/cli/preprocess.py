"""`bionemo preprocess`: prepare data on this machine, from the same files that a cluster takes."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.cli.claims import folder_of, parse_claims
from bionemo_operator.cli.documents import Document, read_documents
from bionemo_operator.cli.output import console
from bionemo_operator.planning.preparation_plan import plan_document
from bionemo_trainer.config.composition import compose_content
from bionemo_trainer.config.load import load_tree
from bionemo_trainer.data.manifest import Manifest
from bionemo_trainer.data.preparation import prepare as preparation
from bionemo_trainer.data.preparation.from_config import plan_of
from bionemo_trainer.data.preparation.plan import PreparationPlan, plan_from_json
from bionemo_trainer.errors import NOTHING, ConfigError, Problem


def preprocess_files(
    paths: Sequence[Path], overrides: Sequence[str], claims: Sequence[str], workers: int | None
) -> None:
    """Prepare every dataset that the files ask for; trainings among them are passed over.

    Raises:
        ConfigError: A file is wrong, or none asks for a dataset; nothing was started.
        BioNeMoError: A preparation failed; finished work is kept.
    """
    folders = parse_claims(claims)
    documents, failures = read_documents(paths)
    if failures:
        raise ConfigError(problem for _, error in failures for problem in error.problems)
    plans = [plan for document in documents for plan in _plans(document, overrides, folders)]
    if not plans:
        mend = "name a file with a BioNeMoPreprocess, or a BioNeMo configuration"
        rule = "is asked for by the files, and there is nothing else to prepare"
        raise ConfigError([Problem(field="-f", value=NOTHING, rule=rule, mend=mend)])
    out = console()
    for name, plan in plans:
        prepare_dataset(name, plan, out, workers)


def resource_plan(resource: BioNeMoPreprocess, folders: Mapping[str, Path]) -> PreparationPlan:
    """What a resource asks for, with folders of this machine in the place of its claims.

    Raises:
        ConfigError: It can't be prepared.
    """
    return plan_from_json(json.dumps(plan_document(resource, lambda claim: folder_of(claim, folders))))


def prepare_dataset(name: str, plan: PreparationPlan, out: Console, workers: int | None = None) -> None:
    """Prepare one dataset and say what it came to.

    Args:
        name: Of what asks for it.
        plan: What to prepare.
        out: Where to say it.
        workers: Processes; all cores unless given.

    Raises:
        BioNeMoError: It failed; finished work is kept.
    """
    out.print(f"{name}: {plan.recipe} -> {plan.output}", style="bold")
    out.print(outcome(_prepared(plan, workers or os.cpu_count() or 1, out)))


def outcome(manifest: Manifest) -> str:
    """What a finished preparation came to, in one line."""
    records = manifest.records
    rejected = sum(manifest.rejects.values())
    return (
        f"  {records.train} train, {records.val} validation and {records.test} test records in "
        f"{len(manifest.files.train)} files each; {manifest.duplicates} duplicates and {rejected} rejects left out"
    )


def _plans(
    document: Document, overrides: Sequence[str], folders: Mapping[str, Path]
) -> Iterator[tuple[str, PreparationPlan]]:
    if not document.is_resource:
        loaded = load_tree(compose_content(document.content, document.path), overrides)
        yield loaded.config.name, plan_of(loaded.config)
        return
    resource = parse_resource(document.content)
    if isinstance(resource, BioNeMoPreprocess):
        yield resource.metadata.name, resource_plan(resource, folders)


def _prepared(plan: PreparationPlan, workers: int, out: Console) -> Manifest:
    columns = (
        TextColumn("  {task.description:<7}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out, disable=not out.is_terminal) as bar:
        tasks = {}

        def show(progress: preparation.Progress) -> None:
            stage = str(progress.stage)
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, rate="")
            rate = f"{progress.records_per_second:,.0f}/s" if progress.records else ""
            bar.update(tasks[stage], completed=progress.done, total=progress.total, rate=rate)

        return preparation.prepare(plan, workers, show)
