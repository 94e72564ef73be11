"""A preparation of several files in several pods: what Kubernetes was asked for, what it ran, and what came of it."""

import gzip

import pytest

from bionemo_trainer.contract import STAGES
from bionemo_trainer.data.manifest import each_file, verify
from testkit.cluster_examples import EXAMPLES, PATIENCE_SECONDS, ended, preparation
from testkit.cluster_history import history_of

SOURCES = 3
FILES = 5
INDEX = "batch.kubernetes.io/job-completion-index"
STAGE = "bionemo.dev/stage"
ASKED_AND_DONE = {
    "list": (1, 1, "0"),
    "fetch": (SOURCES, SOURCES, "0-2"),
    "cut": (1, 1, "0"),
    "map": (SOURCES, SOURCES, "0-2"),
    "settle": (1, 1, "0"),
    "reduce": (FILES, SOURCES, "0-4"),
    "finish": (1, 1, "0"),
}
"""Of each stage's Job: completions, parallelism, and the indexes that are done at its end."""


def molecules(folder):
    """The sample's molecules in several files, and how many there are."""
    header, *lines = gzip.decompress((EXAMPLES / "data/molecules/moses.txt.gz").read_bytes()).splitlines(keepends=True)
    folder.mkdir(parents=True)
    for index in range(SOURCES):
        (folder / f"{index}.txt.gz").write_bytes(gzip.compress(header + b"".join(lines[index::SOURCES])))
    return len(lines)


def several_files():
    document = preparation("molecules")
    source = {"claim": {"name": "bionemo-examples", "path": "several"}}
    output = document["spec"]["output"] | {"path": "several", "files": FILES}
    return document | {"spec": document["spec"] | {"source": source, "output": output, "workers": SOURCES}}


@pytest.mark.usefixtures("operator")
def test_stages_are_shared_by_as_many_pods_as_there_are_workers(kubectl, namespace, claims, tmp_path):
    num_molecules = molecules(tmp_path / "sources/several")
    claims.put("bionemo-examples", tmp_path / "sources")
    with (
        history_of(kubectl, namespace, "jobs", tmp_path) as jobs,
        history_of(kubectl, namespace, "pods", tmp_path) as pods,
    ):
        kubectl.apply(several_files(), f"--namespace={namespace}")
        phase, text = ended(kubectl, namespace, "bnp", "molecules", PATIENCE_SECONDS)
        assert phase == "Succeeded", text

        last = {job["metadata"]["labels"][STAGE]: job for job in jobs()}
        assert list(last) == list(STAGES)
        assert {stage: asked_and_done(job) for stage, job in last.items()} == ASKED_AND_DONE
        assert most_at_once(jobs(), "map") == SOURCES
        assert indexes_of(pods(), "reduce") == {str(index) for index in range(FILES)}

    manifest = verify(claims.folder("bionemo-data") / "several")
    records = manifest.records
    assert (
        records.train + records.val + records.test + manifest.duplicates + sum(manifest.rejects.values())
        == num_molecules
    )
    assert sum(entry.rows for _, entry in each_file(manifest.files)) == records.train + records.val + records.test
    assert [source.name for source in manifest.sources] == [f"{index}.txt.gz" for index in range(SOURCES)]
    assert [len(manifest.files.train), len(manifest.files.val), len(manifest.files.test)] == [FILES] * 3


def asked_and_done(job):
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    return spec["completions"], spec["parallelism"], job["status"].get("completedIndexes")


def most_at_once(jobs, stage):
    return max(job.get("status", {}).get("active", 0) for job in jobs if job["metadata"]["labels"][STAGE] == stage)


def indexes_of(pods, stage):
    labels = [pod["metadata"]["labels"] for pod in pods]
    return {label[INDEX] for label in labels if label.get(STAGE) == stage}
