"""Whether a training's dataset is ready, and where it is. Pure."""

from dataclasses import dataclass

from bionemo_operator.api.conditions import condition_of
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.reasons import (
    DATASET_ASSUMED,
    DATASET_COMPLETE,
    PREPROCESS_FAILED,
    PREPROCESS_MISSING,
    PREPROCESS_RUNNING,
    Reason,
)
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.planning.file_ranges import file_names, range_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset as far as the operator knows it."""

    claim: str
    path: str
    """Folder on the volume; empty for its root."""
    files: str | None = None
    """All files of each split as a range; None when only the pods can tell."""
    fingerprint: str | None = None
    """Of the tokenizer that it was made for; None when only the pods can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The verdict, in the words of the condition DataReady."""

    reason: Reason
    details: dict[str, object]
    dataset: Dataset | None
    """None while it is not ready."""


def readiness(training: BioNeMoTraining, preprocess: BioNeMoPreprocess | None) -> Readiness:
    """Whether the dataset that a training names is there.

    Args:
        training: What its user wrote.
        preprocess: The resource that `spec.dataset.preprocessRef` names; None when there is none.
    """
    source = training.spec.dataset
    if source.claim:
        dataset = Dataset(claim=source.claim.name, path=source.claim.path or "")
        return Readiness(reason=DATASET_ASSUMED, details={"claim": source.claim.name}, dataset=dataset)
    assert source.preprocess_ref is not None, "exactly one of the alternatives is given"
    name = source.preprocess_ref.name
    if preprocess is None:
        return Readiness(reason=PREPROCESS_MISSING, details={"name": name}, dataset=None)
    status = preprocess.status
    succeeded = condition_of(status.conditions, "Succeeded") if status else None
    if succeeded and succeeded.status == "False":
        return Readiness(reason=PREPROCESS_FAILED, details={"name": name, "cause": succeeded.message}, dataset=None)
    output = preprocess.spec.output
    # One that is being changed still speaks of the earlier dataset.
    is_complete = succeeded and succeeded.status == "True" and status and status.dataset_path == output.path
    if not is_complete or status is None:
        done = f"{status.shards_done or 0} of {status.shards} shards" if status and status.shards else "its start"
        return Readiness(reason=PREPROCESS_RUNNING, details={"name": name, "progress": done}, dataset=None)
    dataset = Dataset(
        claim=output.claim.name,
        path=output.path,
        files=range_of(file_names(status.files)) if status.files else None,
        fingerprint=status.fingerprint,
    )
    records = status.records.train if status.records else 0
    return Readiness(reason=DATASET_COMPLETE, details={"path": output.path, "records": records}, dataset=dataset)
