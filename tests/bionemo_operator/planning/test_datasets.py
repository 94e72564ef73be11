"""A dataset is ready when its preparation says so, or when its user does."""

from dataclasses import replace

import pytest

from bionemo_operator.api.conditions import Condition
from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import PreprocessStatus, Records
from bionemo_operator.api.reasons import (
    DATASET_ASSUMED,
    DATASET_COMPLETE,
    PREPROCESS_FAILED,
    PREPROCESS_MISSING,
    PREPROCESS_RUNNING,
)
from bionemo_operator.planning.datasets import Dataset, readiness
from testkit.documents import preprocess_document
from testkit.observations import NOON, training

RECORDS = Records(train=90, validation=5, test=5, duplicates=3, rejected=2)
COMPLETE = Dataset(claim="bionemo-data", path="zinc15", files="x[000..003]", fingerprint="f")


def preprocess(succeeded=None, **facts):
    """A preparation; of one that no pass has looked at, there is no status."""
    found = parse_resource(preprocess_document("zinc"))
    if succeeded is None:
        return found
    condition = Condition(
        type="Succeeded",
        status=succeeded,
        reason="R",
        message="Done.",
        last_transition_time=NOON,
        observed_generation=1,
    )
    return found.model_copy(update={"status": PreprocessStatus(conditions=(condition,), **facts)})


def waiting():
    return training(dataset={"preprocessRef": {"name": "zinc"}})


def complete(**facts):
    return preprocess("True", **{"dataset_path": "zinc15", "files": 4, "fingerprint": "f", "records": RECORDS, **facts})


@pytest.mark.parametrize(("path", "expected"), [({}, ""), ({"path": "a/b"}, "a/b")], ids=["its root", "a folder"])
def test_a_claim_is_trusted(path, expected):
    found = readiness(training(dataset={"claim": {"name": "data", **path}}), None)
    assert (found.reason, found.details) == (DATASET_ASSUMED, {"claim": "data"})
    assert found.dataset == Dataset(claim="data", path=expected)


def test_a_preparation_that_is_not_there_is_named():
    found = readiness(waiting(), None)
    assert (found.reason, found.details, found.dataset) == (PREPROCESS_MISSING, {"name": "zinc"}, None)


def test_a_preparation_that_failed_says_why():
    found = readiness(waiting(), preprocess("False"))
    assert (found.reason, found.details, found.dataset) == (PREPROCESS_FAILED, {"name": "zinc", "cause": "Done."}, None)


@pytest.mark.parametrize(
    ("of", "progress"),
    [
        pytest.param(preprocess(), "its start", id="before its first pass"),
        pytest.param(preprocess("Unknown"), "its start", id="before its first shard"),
        pytest.param(preprocess("Unknown", shards=7), "0 of 7 shards", id="with no shard done"),
        pytest.param(preprocess("Unknown", shards=7, shards_done=3), "3 of 7 shards", id="on its way"),
        pytest.param(complete(dataset_path="earlier"), "its start", id="done with an earlier output"),
    ],
)
def test_a_preparation_that_runs_says_how_far_it_is(of, progress):
    found = readiness(waiting(), of)
    assert (found.reason, found.details, found.dataset) == (
        PREPROCESS_RUNNING,
        {"name": "zinc", "progress": progress},
        None,
    )


def test_a_complete_dataset_is_known_with_its_files_and_tokenizer():
    found = readiness(waiting(), complete())
    assert (found.reason, found.details) == (DATASET_COMPLETE, {"path": "zinc15", "records": 90})
    assert found.dataset == COMPLETE


def test_of_a_dataset_of_an_older_operator_files_and_records_may_be_unknown():
    found = readiness(waiting(), complete(files=None, records=None))
    assert (found.details["records"], found.dataset) == (0, replace(COMPLETE, files=None))
