"""What of the files a `bionemo run` runs, with the changes that its options make. Decides only; touches no files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.cli.documents import Document
from bionemo_trainer.errors import NOTHING, ConfigError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What options replace in the trainings of this run; None leaves a field as it is written."""

    nodes: int | None = None
    gpus: int | None = None
    processes: int | None = None
    overrides: tuple[str, ...] = ()
    """Applied after those of the resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to run, in the order of the files."""

    preprocesses: tuple[BioNeMoPreprocess, ...]
    trainings: tuple[BioNeMoTraining, ...]
    known: Mapping[str, BioNeMoPreprocess]
    """All preparations of the files by name, so that trainings find their datasets."""


def select(documents: Sequence[Document], changes: Changes, only: Sequence[str]) -> Selection:
    """The resources to run.

    Args:
        documents: All that was found.
        changes: What the options replace.
        only: Names to run alone, with the preparations that they need; empty for everything.

    Raises:
        ConfigError: A document is no valid resource, a name is unknown, or there is nothing to run; all problems at once.
    """
    resources: list[BioNeMoTraining | BioNeMoPreprocess] = []
    problems: list[Problem] = []
    for document in documents:
        try:
            resources.append(_resource(document, changes))
        except ConfigError as error:
            problems += [replace(problem, field=f"{document.place}: {problem.field}") for problem in error.problems]
    names = [resource.metadata.name for resource in resources]
    problems += [_unknown(name, names) for name in only if not problems and name not in names]
    if problems or not resources:
        raise ConfigError(problems or [_nothing_to_run()])
    return _selected(resources, only)


def _selected(resources: Sequence[BioNeMoTraining | BioNeMoPreprocess], only: Sequence[str]) -> Selection:
    chosen = [resource for resource in resources if not only or resource.metadata.name in only]
    trainings = tuple(resource for resource in chosen if isinstance(resource, BioNeMoTraining))
    references = [training.spec.dataset.preprocess_ref for training in trainings]
    needed = {reference.name for reference in references if reference}
    known = {resource.metadata.name: resource for resource in resources if isinstance(resource, BioNeMoPreprocess)}
    wanted = tuple(each for name, each in known.items() if each in chosen or name in needed)
    return Selection(preprocesses=wanted, trainings=trainings, known=known)


def _resource(document: Document, changes: Changes) -> BioNeMoTraining | BioNeMoPreprocess:
    if not document.is_resource:
        rule = "is given, and a BioNeMo configuration says neither where its data are nor where its results go"
        mend = "run it with python -m bionemo_trainer --config-path=… --config-name=…, or write a BioNeMoTraining"
        raise ConfigError([Problem(field="kind", value=NOTHING, rule=rule, mend=mend)])
    return parse_resource(_changed(document.content, changes))


def _changed(content: Mapping[str, Any], changes: Changes) -> Mapping[str, Any]:
    """The document with the changes in its wire form, so that the rules judge them as if they had been written."""
    written = content.get("spec")
    if content.get("kind") != "BioNeMoTraining" or not isinstance(written, Mapping):
        return content
    spec = dict(written)
    if changes.nodes is not None:
        spec["nodes"] = changes.nodes
        spec["recovery"] = _without(spec.get("recovery", {}), "minNodes")  # it speaks of the nodes that were written
    if changes.gpus is not None:
        spec = {**(_without(spec, "processesPerNode") if changes.gpus else spec), "gpusPerNode": changes.gpus}
    if changes.processes is not None:
        spec["processesPerNode"] = changes.processes
    overrides = spec.get("overrides") or []
    if changes.overrides and isinstance(overrides, list):
        spec["overrides"] = [*overrides, *changes.overrides]
    return {**content, "spec": spec}


def _without(fields: Any, name: str) -> Any:  # noqa: ANN401 - what a user wrote, which may be no mapping
    return {key: value for key, value in fields.items() if key != name} if isinstance(fields, Mapping) else fields


def _unknown(name: str, names: Sequence[str]) -> Problem:
    rule = f"is no resource of the files, which hold {', '.join(names) or 'none'}"
    return Problem(field="--only", value=name, rule=rule, mend="write one of these names")


def _nothing_to_run() -> Problem:
    mend = "name a file with a BioNeMoTraining or a BioNeMoPreprocess"
    return Problem(field="-f", value=NOTHING, rule="is asked for by the files", mend=mend)
