"""The README's promise on a cluster: apply two files, and molecules are prepared and a model is trained on both nodes.

Prometheus scrapes the operator and the trainer meanwhile, as in a cluster that has it.
"""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from bionemo_trainer.contract import METRICS_PORT
from bionemo_trainer.run_folder import RunFolder, read_records
from testkit.cluster_examples import (
    EXAMPLES,
    PATIENCE_SECONDS,
    ended,
    example_claims,
    preparation,
    status_of,
    step_of,
    strict_namespace,
    training_of,
    workers_of,
)
from testkit.cluster_metrics import ScrapedPod, scraped
from testkit.cluster_operator import OPERATOR_NAMESPACE, logs_of, replicas_of
from testkit.cluster_waiting import eventually
from testkit.prometheus import Prometheus

MAX_STEPS = 60
SHORT = {
    "trainer.max_steps": MAX_STEPS,
    "trainer.val_check_interval": 30,
    "model.optim.lr": 0.2,  # the shorter the warm-up, the higher its peak
    "model.optim.sched.warmup_steps": 20,
    "model.optim.sched.max_steps": MAX_STEPS,
}
NAME = "megamolbart-xsmall"
OPERATOR_PORT = 8080
SCRAPED_SECONDS = 3600
"""Longer than all of the run."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A training that has ended, and what was seen of it on the way."""

    namespace: str
    status: dict[str, Any]
    step_on_the_way: int
    nodes: list[str]
    run: RunFolder
    prometheus: Prometheus

    def recorded(self, figure: str) -> list[float]:
        """A figure as the run's own records have it, in the order of steps."""
        return [float(str(record[figure])) for record in read_records(self.run.metrics) if figure in record]

    def scraped(self, metric: str, **labels: str) -> set[float]:
        """Every value that Prometheus has of a series of the training."""
        return self.prometheus.values(self._of_training(metric, **labels), time.time(), SCRAPED_SECONDS)

    def newest(self, metric: str, **labels: str) -> float | None:
        """What Prometheus has last of a series of the training that the operator tells."""
        found = self.prometheus.query(self._of_training(metric, name=NAME, **labels), time.time())
        return found[0][1] if len(found) == 1 else None

    def _of_training(self, metric: str, **labels: str) -> str:
        wanted = {"namespace": self.namespace, **labels}
        return f"{metric}{{{','.join(f'{label}="{value}"' for label, value in wanted.items())}}}"


@pytest.fixture(scope="module")
def finished(kubectl, operator, tmp_path_factory):  # noqa: ARG001 - the operator need only be there
    """The quickstart, from `kubectl apply` to its end."""
    folder = tmp_path_factory.mktemp("quickstart")
    training = training_of(EXAMPLES / "quickstart/training.yaml", SHORT, checkpoint={"intervalSteps": 30, "keep": 2})
    with strict_namespace(kubectl) as namespace:
        claims = example_claims(kubectl, namespace, folder / "claims")
        for document in (preparation("molecules"), training):
            kubectl.apply(document, f"--namespace={namespace}")
        assert ended(kubectl, namespace, "bnp", "molecules", PATIENCE_SECONDS)[0] == "Succeeded"
        assert eventually(lambda: step_of(kubectl, namespace, NAME, 1), PATIENCE_SECONDS)
        workers = workers_of(kubectl, namespace, NAME, 1)
        (folder / "prometheus").mkdir()
        with scraped(kubectl, pods_with_metrics(kubectl, workers[0]), folder / "prometheus") as server:
            assert eventually(server.all_are_up)
            step = eventually(lambda: progress_of(kubectl, namespace).get("step"), PATIENCE_SECONDS)
            phase, text = ended(kubectl, namespace, "bnt", NAME, PATIENCE_SECONDS)
            assert phase == "Succeeded", text
            results = claims.folder("bionemo-results")
            (run,) = (path.parents[1] for path in results.rglob("records/metrics.jsonl"))
            yield Finished(
                namespace=namespace,
                status=status_of(kubectl, namespace, "bnt", NAME),
                step_on_the_way=step,
                nodes=[pod["spec"]["nodeName"] for pod in workers],
                run=RunFolder(path=run),
                prometheus=server,
            )


def pods_with_metrics(kubectl, first_worker):
    replicas = {
        name: ScrapedPod(namespace=OPERATOR_NAMESPACE, name=name, port=OPERATOR_PORT, honors_labels=True)
        for name in replicas_of(kubectl)
    }
    metadata = first_worker["metadata"]
    trainer = ScrapedPod(namespace=metadata["namespace"], name=metadata["name"], port=METRICS_PORT)
    return {**replicas, "trainer": trainer}


def progress_of(kubectl, namespace):
    """What the operator has read from the training."""
    return status_of(kubectl, namespace, "bnt", NAME).get("progress", {})


def test_the_status_tells_progress_while_the_training_runs(finished):
    assert 0 < finished.step_on_the_way <= MAX_STEPS
    assert finished.status["progress"]["step"] == MAX_STEPS


def test_each_node_has_a_pod(finished):
    assert len(set(finished.nodes)) == len(finished.nodes) == 2


def test_the_model_learns_and_its_last_step_is_saved(finished):
    losses = finished.recorded("reduced_train_loss")
    assert losses[-1] < losses[0]
    assert [path.name for path in finished.run.checkpoints.glob(f"*step={MAX_STEPS}*")]


def test_prometheus_has_the_steps_that_the_trainer_has_done(finished):
    assert 0 < max(finished.scraped("bionemo_trainer_step")) <= MAX_STEPS
    assert finished.scraped("bionemo_trainer_max_steps") == {MAX_STEPS}


@pytest.mark.parametrize(
    ("metric", "figure"),
    [
        ("bionemo_trainer_train_loss_nats", "reduced_train_loss"),
        ("bionemo_trainer_tokens_per_second", "tokens_per_second"),
    ],
)
def test_prometheus_has_the_figures_that_the_trainer_has_recorded(finished, metric, figure):
    seen = finished.scraped(metric) - {0.0}  # before the first figures
    assert set() < seen <= set(finished.recorded(figure))


def test_prometheus_has_the_state_that_the_operator_tells(finished):
    def succeeded():
        return finished.newest("bionemo_training_condition", type="Succeeded", status="True")

    assert eventually(succeeded) == 1
    assert finished.scraped("bionemo_training_condition", type="Running", status="True") == {0.0, 1.0}
    assert finished.newest("bionemo_training_step") == MAX_STEPS
    loss = finished.recorded("reduced_train_loss")[-1]
    assert finished.newest("bionemo_training_train_loss_nats") == pytest.approx(
        loss, rel=1e-4
    )  # five digits in the status
    assert finished.newest("bionemo_training_restarts") == 0


def test_the_operator_lacks_no_rights(kubectl, finished):
    assert finished.status["phase"] == "Succeeded"
    lines = logs_of(kubectl).splitlines()
    # Of a namespace that goes the same is said, and is no lack of rights: those of other tests do.
    assert [line for line in lines if "forbidden" in line.lower() and "it is being terminated" not in line] == []
