"""`bionemo render`: every object that the operator would make of files, as YAML, without a cluster.

Asks the operator's own code: the pass over a training that sees nothing yet, and the Job of every stage of a preparation. What
only a cluster knows is assumed: datasets are complete, older runs have saved, UIDs are zeros.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from bionemo_operator.api import reasons
from bionemo_operator.api.conditions import with_condition
from bionemo_operator.api.preprocess import BioNeMoPreprocess, PreprocessStatus
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.api.training_status import TrainingStatus
from bionemo_operator.cli.checked import Checked, Resource, checked_files, placed_problems
from bionemo_operator.cli.output import console
from bionemo_operator.planning import names
from bionemo_operator.planning.admission import admit
from bionemo_operator.planning.datasets import readiness
from bionemo_operator.planning.pod_template import Fragment
from bionemo_operator.planning.preparation_job import preparation_job
from bionemo_operator.planning.training_pass import training_pass
from bionemo_operator.planning.training_view import CreateJob, TrainingView
from bionemo_operator.settings import Settings
from bionemo_trainer.contract import SHARED_STAGES, STAGES
from bionemo_trainer.errors import ConfigError, Problem

type Known = Mapping[tuple[str, str], Resource]
"""Resources by kind and name."""

NO_UID = "00000000-0000-0000-0000-000000000000"
"""Stands for the UIDs that the API server gives."""
_NO_TIME = datetime.fromtimestamp(0, UTC)


def render_files(paths: Sequence[Path], namespace: str | None, image: str | None) -> None:
    """Print the objects of all resources below the paths.

    Args:
        paths: What `-f` names.
        namespace: Of resources that name none.
        image: Of the trainer, for resources that name none; the operator's usual one unless given.

    Raises:
        ConfigError: A document is wrong, or speaks of a resource that is in none of the files; all problems at once.
    """
    items = [_placed(item, namespace or "default") for item in checked_files(paths)]
    known: Known = {(item.resource.kind, item.resource.metadata.name): item.resource for item in items}
    texts: list[str] = []
    problems: list[Problem] = []
    for item in items:
        try:
            texts += [_text(item, manifest) for manifest in manifests_of(item.resource, known, image)]
        except ConfigError as error:
            problems += placed_problems(item, error.problems)
    if problems:
        raise ConfigError(problems)
    console().print("".join(texts), markup=False, end="")


def manifests_of(resource: Resource, known: Known, image: str | None = None) -> Iterator[Fragment]:
    """What the operator would make of a resource.

    Args:
        resource: With its namespace and a UID.
        known: The resources that it may speak of, by kind and name.
        image: Of the trainer, unless the resource names one.

    Raises:
        ConfigError: It can't run, or speaks of a resource that is not known.
    """
    image = image or Settings().trainer_image
    if isinstance(resource, BioNeMoTraining):
        yield first_attempt(resource, known, image)
        return
    for stage in STAGES:
        yield preparation_job(resource, stage, resource.spec.workers if stage in SHARED_STAGES else 1, image)


def first_attempt(training: BioNeMoTraining, known: Known, image: str) -> Fragment:
    """The PyTorchJob with which a training would begin, once its data are there and it is not suspended.

    Raises:
        ConfigError: It can't run, or speaks of a resource that is not known.
    """
    training = training.model_copy(update={"spec": training.spec.model_copy(update={"suspend": False})})
    preprocess, older = _references(training, known)
    # The pass tells of problems in a condition; here they are an error.
    dataset = readiness(training, preprocess).dataset
    admit(training, dataset, nodes=training.spec.nodes, global_batch_size=None)
    nothing = TrainingStatus()
    view = TrainingView(
        training=training,
        status=nothing,
        reported=nothing,
        preprocess=preprocess,
        older=older,
        now=_NO_TIME,
        image=image,
    )
    (action,) = training_pass(view)[1].actions
    assert isinstance(action, CreateJob), "an admitted training with its dataset begins"
    return action.manifest


def _references(training: BioNeMoTraining, known: Known) -> tuple[BioNeMoPreprocess | None, BioNeMoTraining | None]:
    """The preparation and the older training that a training names, as if both had done their work.

    Raises:
        ConfigError: One of them is not known.
    """
    source, origin = training.spec.dataset.preprocess_ref, training.spec.resume_from
    problems = []
    preprocess = older = None
    if source:
        found = known.get(("BioNeMoPreprocess", source.name))
        preprocess = _completed(found) if isinstance(found, BioNeMoPreprocess) else None
        if preprocess is None:
            problems.append(_unknown("spec.dataset.preprocessRef.name", source.name, "BioNeMoPreprocess"))
    if origin and origin.training:
        run = known.get(("BioNeMoTraining", origin.training))
        older = _trained(run) if isinstance(run, BioNeMoTraining) else None
        if older is None:
            problems.append(_unknown("spec.resumeFrom.training", origin.training, "BioNeMoTraining"))
    if problems:
        raise ConfigError(problems)
    return preprocess, older


def _completed(preprocess: BioNeMoPreprocess) -> BioNeMoPreprocess:
    conditions = with_condition((), reasons.COMPLETED, observed_generation=0, now=_NO_TIME, outcome="done")
    output = preprocess.spec.output
    status = PreprocessStatus(conditions=conditions, dataset_path=output.path, files=output.files)
    return preprocess.model_copy(update={"status": status})


def _trained(training: BioNeMoTraining) -> BioNeMoTraining:
    run = names.run_name(training.metadata.name, NO_UID)
    status = TrainingStatus(results_path=names.joined(training.spec.results.claim.path, run))
    return training.model_copy(update={"status": status})


def _placed(item: Checked, namespace: str) -> Checked:
    metadata = item.resource.metadata
    seen = metadata.model_copy(update={"namespace": metadata.namespace or namespace, "uid": NO_UID})
    return Checked(document=item.document, resource=item.resource.model_copy(update={"metadata": seen}))


def _unknown(field: str, name: str, kind: str) -> Problem:
    return Problem(field=field, value=name, rule="is in none of the files", mend=f"add the file of this {kind} with -f")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)


def _text(item: Checked, manifest: Mapping[str, Any]) -> str:
    resource = item.resource
    head = f"---\n# of {resource.kind} {resource.metadata.name} in {item.document.place}\n"
    return head + yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
