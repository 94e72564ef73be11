"""The README's promise on a cluster: apply two files, and molecules are prepared and a model is trained on both nodes."""

import json
import shutil

import pytest

from bionemo_trainer.run_folder import RunFolder, read_records
from testkit.cluster_operator import OPERATOR_NAMESPACE, install_operator
from testkit.cluster_programs import REPOSITORY
from testkit.cluster_volumes import claim_folder
from testkit.cluster_waiting import eventually
from testkit.cluster_with_nodes import OTHER_NODE, STEADY_NODE
from testkit.documents import documents_in

EXAMPLES = REPOSITORY / "examples"
MAX_STEPS = 60
ON_TWO_NODES = {"nodes": 2, "processesPerNode": 1}
SHORT = {
    "trainer.max_steps": MAX_STEPS,
    "trainer.val_check_interval": 30,
    "model.optim.lr": 0.2,  # the shorter the warm-up, the higher its peak
    "model.optim.sched.warmup_steps": 20,
    "model.optim.sched.max_steps": MAX_STEPS,
}


def preparation():
    (molecules,) = (
        one for one in documents_in(EXAMPLES / "quickstart/preprocess.yaml") if one["metadata"]["name"] == "molecules"
    )
    return molecules


def training():
    (document,) = documents_in(EXAMPLES / "quickstart/training.yaml")
    kept = [text for text in document["spec"]["overrides"] if text.split("=")[0] not in SHORT]
    overrides = [*kept, *(f"{name}={value}" for name, value in SHORT.items())]
    checkpoint = {"intervalSteps": 30, "keep": 2}
    return document | {"spec": document["spec"] | ON_TWO_NODES | {"overrides": overrides, "checkpoint": checkpoint}}


@pytest.fixture(scope="module")
def operator(kubectl):
    install_operator(kubectl)


@pytest.fixture
def claims(kubectl, namespace, tmp_path):
    """The folders behind the claims that the examples name."""
    folders = {
        name: claim_folder(kubectl, namespace, name, tmp_path / name)
        for name in ("bionemo-examples", "bionemo-data", "bionemo-results")
    }
    shutil.copytree(EXAMPLES / "data", folders["bionemo-examples"], dirs_exist_ok=True)
    return folders


def phase_of(kubectl, namespace, kind, name):
    return kubectl.get(kind, name, f"--namespace={namespace}").get("status", {}).get("phase")


def ended(kubectl, namespace, kind, name, within_seconds):
    """The last phase, with the whole status to show why."""
    eventually(lambda: phase_of(kubectl, namespace, kind, name) in {"Succeeded", "Failed", "Invalid"}, within_seconds)
    found = kubectl.get(kind, name, f"--namespace={namespace}")
    return found["status"]["phase"], json.dumps(found["status"], indent=1)


@pytest.mark.usefixtures("operator")
def test_molecules_are_prepared_and_a_model_is_trained_on_two_nodes(kubectl, namespace, claims):
    for document in (preparation(), training()):
        kubectl.apply(document, f"--namespace={namespace}")
    assert ended(kubectl, namespace, "bnp", "molecules", 180)[0] == "Succeeded"

    assert 0 < eventually(lambda: step_of(kubectl, namespace), 240) <= MAX_STEPS
    workers = kubectl.get("pods", f"--namespace={namespace}", "--selector=bionemo.dev/attempt=1")["items"]
    assert {pod["spec"]["nodeName"] for pod in workers} == {STEADY_NODE, OTHER_NODE}

    phase, status = ended(kubectl, namespace, "bnt", "megamolbart-xsmall", 600)
    assert phase == "Succeeded", status
    (run,) = (path.parents[1] for path in claims["bionemo-results"].rglob("records/metrics.jsonl"))
    losses = [
        float(record["reduced_train_loss"])
        for record in read_records(RunFolder(path=run).metrics)
        if "reduced_train_loss" in record
    ]
    assert losses[-1] < losses[0]
    assert [path.name for path in RunFolder(path=run).checkpoints.glob(f"*step={MAX_STEPS}*")]
    said = kubectl("logs", "--selector=app=bionemo-operator", f"--namespace={OPERATOR_NAMESPACE}", "--tail=-1")
    assert "forbidden" not in said.lower()  # it lacks no rights


def step_of(kubectl, namespace):
    """What the operator has read from the training while it runs; 0 before the first step."""
    status = kubectl.get("bnt", "megamolbart-xsmall", f"--namespace={namespace}").get("status", {})
    return status.get("progress", {}).get("step", 0)
