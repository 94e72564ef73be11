"""A training and an attempt become one plan."""

from pathlib import Path

import pytest

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.planning.training_plan import Attempt, plan_for
from testkit.documents import training_document

ATTEMPT = Attempt(number=3, config_file=Path("/run/launch/attempt-3/config.yaml"), metrics_port=9000, grace_seconds=60)


def plan(**spec):
    return plan_for(parse_resource(training_document(**spec)), ATTEMPT)


def test_each_node_runs_the_trainer_with_the_written_configuration():
    made = plan()
    assert (made.name, made.module) == ("esm2nv-650m", "bionemo_trainer")
    assert made.arguments == (
        "--config-path=/run/launch/attempt-3",
        "--config-name=config",
        "--recipe=protein/esm2nv/pretrain_esm2_650M",
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, (4, 8, 8), id="one process per GPU"),
        pytest.param({"gpusPerNode": 0, "processesPerNode": 3}, (4, 3, 0), id="processes on CPU"),
        pytest.param({"gpusPerNode": 0}, (4, 1, 0), id="one process on CPU"),
    ],
)
def test_nodes_have_as_many_processes_as_the_fields_say(spec, expected):
    made = plan(**spec)
    assert (made.nodes, made.processes_per_node, made.gpus_per_node) == expected


def test_the_environment_is_that_of_the_contract():
    assert plan().environment == {
        "PET_NNODES": "4",
        "PET_NPROC_PER_NODE": "8",
        "BIONEMO_RUN_ID": "esm2nv-650m-3",
        "BIONEMO_ATTEMPT": "3",
        "BIONEMO_METRICS_PORT": "9000",
        "BIONEMO_GRACE_SECONDS": "60",
    }
