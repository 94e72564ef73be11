"""The README's promise on a cluster: apply two files, and molecules are prepared and a model is trained on both nodes."""

import pytest

from bionemo_trainer.run_folder import RunFolder, read_records
from testkit.cluster_examples import EXAMPLES, PATIENCE_SECONDS, ended, preparation, status_of, training_of, workers_of
from testkit.cluster_operator import logs_of
from testkit.cluster_waiting import eventually
from testkit.cluster_with_nodes import OTHER_NODE, STEADY_NODE

MAX_STEPS = 60
SHORT = {
    "trainer.max_steps": MAX_STEPS,
    "trainer.val_check_interval": 30,
    "model.optim.lr": 0.2,  # the shorter the warm-up, the higher its peak
    "model.optim.sched.warmup_steps": 20,
    "model.optim.sched.max_steps": MAX_STEPS,
}
NAME = "megamolbart-xsmall"


@pytest.mark.usefixtures("operator")
def test_molecules_are_prepared_and_a_model_is_trained_on_two_nodes(kubectl, namespace, claims):
    training = training_of(EXAMPLES / "quickstart/training.yaml", SHORT, checkpoint={"intervalSteps": 30, "keep": 2})
    for document in (preparation("molecules"), training):
        kubectl.apply(document, f"--namespace={namespace}")
    assert ended(kubectl, namespace, "bnp", "molecules", PATIENCE_SECONDS)[0] == "Succeeded"

    assert 0 < eventually(lambda: reported_step(kubectl, namespace), PATIENCE_SECONDS) <= MAX_STEPS
    workers = workers_of(kubectl, namespace, NAME, 1)
    assert {pod["spec"]["nodeName"] for pod in workers} == {STEADY_NODE, OTHER_NODE}

    phase, status = ended(kubectl, namespace, "bnt", NAME, PATIENCE_SECONDS)
    assert phase == "Succeeded", status
    (run,) = (path.parents[1] for path in claims["bionemo-results"].rglob("records/metrics.jsonl"))
    losses = [
        float(record["reduced_train_loss"])
        for record in read_records(RunFolder(path=run).metrics)
        if "reduced_train_loss" in record
    ]
    assert losses[-1] < losses[0]
    assert [path.name for path in RunFolder(path=run).checkpoints.glob(f"*step={MAX_STEPS}*")]
    assert "forbidden" not in logs_of(kubectl).lower()  # it lacks no rights


def reported_step(kubectl, namespace):
    """What the operator has read from the training while it runs; 0 before the first step."""
    return status_of(kubectl, namespace, "bnt", NAME).get("progress", {}).get("step", 0)
