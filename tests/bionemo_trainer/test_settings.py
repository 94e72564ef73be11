"""The launcher's settings come from torchrun's variables, which the training operator sets too."""

from pathlib import Path

import pytest

from bionemo_trainer.errors import ConfigError
from bionemo_trainer.settings import launch_settings


def test_without_variables_it_is_one_process_on_this_machine():
    settings = launch_settings({})
    assert (settings.nodes, settings.node_rank, settings.processes) == (1, 0, 1)
    assert (settings.master_address, settings.master_port, settings.grace_seconds) == ("127.0.0.1", 0, 30)


def test_a_pod_of_a_pytorchjob_is_understood():
    settings = launch_settings(
        {
            "PET_NNODES": "4",
            "PET_NODE_RANK": "3",
            "PET_NPROC_PER_NODE": "8",
            "PET_MASTER_ADDR": "train-1-worker-0",
            "PET_MASTER_PORT": "29400",
            "BIONEMO_RUN_ID": "train-1",
            "BIONEMO_GRACE_SECONDS": "300",
            "BIONEMO_TERMINATION_LOG": "/tmp/words",
        }
    )
    assert (settings.nodes, settings.node_rank, settings.processes) == (4, 3, 8)
    assert (settings.master_address, settings.master_port) == ("train-1-worker-0", 29400)
    assert (settings.run_id, settings.grace_seconds, settings.termination_log) == ("train-1", 300, Path("/tmp/words"))


def test_several_nodes_meet_at_kubeflows_port():
    assert launch_settings({"PET_NNODES": "2"}).master_port == 23456


def test_every_wrong_variable_is_named():
    with pytest.raises(ConfigError) as caught:
        launch_settings({"PET_NNODES": "two", "PET_NPROC_PER_NODE": "0"})
    assert [str(problem) for problem in caught.value.problems] == [
        "environment variable PET_NNODES: 'two' must be a whole number of at least 1; correct or unset it.",
        "environment variable PET_NPROC_PER_NODE: '0' must be a whole number of at least 1; correct or unset it.",
    ]
