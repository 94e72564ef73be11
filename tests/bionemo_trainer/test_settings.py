"""Settings of launcher and ranks come from torchrun's variables, which the training operator sets too."""

from pathlib import Path

import pytest

from bionemo_trainer import settings as module
from bionemo_trainer.errors import ConfigError
from bionemo_trainer.settings import launch_settings, rank_settings


def test_without_variables_it_is_one_process_on_this_machine():
    settings = launch_settings({})
    assert (settings.nodes, settings.node_rank, settings.processes) == (1, 0, 1)
    assert (settings.master_address, settings.master_port, settings.grace_seconds) == ("127.0.0.1", 0, 30)
    assert settings.run_id == "local"


def test_without_variables_it_is_what_the_configuration_says():
    settings = launch_settings({}, nodes=2, processes=8)
    assert (settings.nodes, settings.processes, settings.master_port) == (2, 8, 23456)


def test_variables_win_over_the_configuration():
    settings = launch_settings({"PET_NNODES": "1", "PET_NPROC_PER_NODE": "4"}, nodes=2, processes=8)
    assert (settings.nodes, settings.processes, settings.master_port) == (1, 4, 0)


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


def test_one_node_meets_where_it_is_told_to():
    assert launch_settings({"PET_MASTER_PORT": "29400"}).master_port == 29400


@pytest.mark.parametrize(("exists", "goes_there"), [(True, True), (False, False)], ids=["container", "workstation"])
def test_the_last_words_go_to_kubernetes_own_file_where_it_exists(tmp_path, monkeypatch, exists, goes_there):
    log = tmp_path / "termination-log"
    monkeypatch.setattr(module, "KUBERNETES_TERMINATION_LOG", log)
    (log if exists else tmp_path / "other").touch()
    assert launch_settings({}).termination_log == (log if goes_there else None)


def test_every_wrong_variable_is_named():
    with pytest.raises(ConfigError) as caught:
        launch_settings({"PET_NNODES": "two", "PET_NPROC_PER_NODE": "0"})
    assert [str(problem) for problem in caught.value.problems] == [
        "environment variable PET_NNODES: 'two' must be a whole number of at least 1; correct or unset it.",
        "environment variable PET_NPROC_PER_NODE: '0' must be a whole number of at least 1; correct or unset it.",
    ]


def test_without_variables_a_rank_is_the_only_one():
    settings = rank_settings({})
    assert (settings.rank, settings.local_rank, settings.attempt) == (0, 0, 1)
    assert (settings.metrics_host, settings.metrics_port, settings.reports) == ("127.0.0.1", 9464, None)
    assert settings.launched_at is None


def test_a_rank_of_a_pod_answers_to_everybody():
    settings = rank_settings(
        {
            "RANK": "11",
            "LOCAL_RANK": "3",
            "BIONEMO_ATTEMPT": "2",
            "BIONEMO_METRICS_PORT": "0",
            "BIONEMO_REPORTS": "/tmp/reports",
            "BIONEMO_LAUNCHED_AT_MILLISECONDS": "1764000000250",
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        }
    )
    assert (settings.rank, settings.local_rank, settings.attempt) == (11, 3, 2)
    assert (settings.metrics_host, settings.metrics_port, settings.reports) == ("0.0.0.0", 0, Path("/tmp/reports"))
    assert settings.launched_at == 1764000000.25


def test_every_wrong_variable_of_a_rank_is_named():
    with pytest.raises(ConfigError) as caught:
        rank_settings({"RANK": "-1", "BIONEMO_ATTEMPT": "0"})
    assert str(caught.value) == (
        "environment variable RANK: '-1' must be a whole number of at least 0; correct or unset it.\n"
        "environment variable BIONEMO_ATTEMPT: '0' must be a whole number of at least 1; correct or unset it."
    )
