"""The resources of files, if everything in them is right: what `bionemo submit` and `bionemo render` begin with.

Judges with the same code as `bionemo check`, and refuses everything when one document is wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.cli.check import parsed
from bionemo_operator.cli.documents import Document, read_documents
from bionemo_operator.planning.training_config import training_config
from bionemo_trainer.errors import NOTHING, ConfigError, Problem

type Resource = BioNeMoTraining | BioNeMoPreprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A document that is right, and the resource that it describes."""

    document: Document
    resource: Resource


def checked_files(paths: Sequence[Path]) -> tuple[Checked, ...]:
    """The resources below the paths, in the order of the files.

    Raises:
        ConfigError: A document is wrong or no resource, or there is none; all problems at once.
    """
    documents, failures = read_documents(paths)
    problems = [_placed(name, problem) for name, error in failures for problem in error.problems]
    found: list[Checked] = []
    for document in documents:
        try:
            found.append(Checked(document=document, resource=_judged(document)))
        except ConfigError as error:
            problems += [_placed(document.place, problem) for problem in error.problems]
    if problems or not found:
        raise ConfigError(problems or [_nothing_there()])
    return tuple(found)


def placed_problems(item: Checked, problems: Sequence[Problem]) -> Iterator[Problem]:
    """Problems of a resource, each with the place of its document."""
    return (_placed(item.document.place, problem) for problem in problems)


def _judged(document: Document) -> Resource:
    if not document.is_resource:
        rule = "is given, and a BioNeMo configuration is no object of a cluster"
        mend = "write a BioNeMoTraining with its settings as spec.overrides, or run it with python -m bionemo_trainer"
        raise ConfigError([Problem(field="kind", value=NOTHING, rule=rule, mend=mend)])
    resource = parsed(document)
    if isinstance(resource, BioNeMoTraining):
        training_config(resource)
    return resource


def _placed(place: str, problem: Problem) -> Problem:
    return problem if place == problem.value else replace(problem, field=f"{place}: {problem.field}")


def _nothing_there() -> Problem:
    mend = "name a file with a BioNeMoTraining or a BioNeMoPreprocess"
    return Problem(field="-f", value=NOTHING, rule="is described by the files", mend=mend)
