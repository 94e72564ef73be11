"""A plan becomes an application of TorchX: one process for each node, with its share of the machine."""

import sys
from pathlib import Path

import pytest

from bionemo_operator.planning.plan import Plan
from bionemo_operator.planning.torchx_app import Place, app_for


def app(nodes=2, processes=2, gpus=0):
    plan = Plan(
        name="small",
        module="trainer",
        arguments=("--config-name=config",),
        nodes=nodes,
        processes_per_node=processes,
        gpus_per_node=gpus,
        environment={"PET_NNODES": str(nodes)},
    )
    return app_for(plan, Place(cores=10, gpus=("4", "5", "6", "7"), master_port=29, folder=Path("/words")))


def test_every_node_is_a_replica_of_the_same_command():
    roles = app().roles
    assert [(role.name, role.num_replicas) for role in roles] == [("node-0", 1), ("node-1", 1)]
    assert {(role.entrypoint, *role.args) for role in roles} == {
        (sys.executable, "-m", "trainer", "--config-name=config")
    }


def test_nodes_know_their_rank_and_where_to_meet_and_to_leave_their_last_words():
    assert app().roles[1].env == {
        "PET_NNODES": "2",
        "PET_NODE_RANK": "1",
        "PET_MASTER_ADDR": "127.0.0.1",
        "PET_MASTER_PORT": "29",
        "BIONEMO_TERMINATION_LOG": "/words/node-1.json",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "2",
    }


@pytest.mark.parametrize(("processes", "threads"), [(1, "5"), (2, "2"), (8, "1")])
def test_processes_share_the_cores(processes, threads):
    assert app(processes=processes).roles[0].env["OMP_NUM_THREADS"] == threads


def test_nodes_take_gpus_of_their_own():
    roles = app(gpus=2).roles
    assert [role.env["CUDA_VISIBLE_DEVICES"] for role in roles] == ["4,5", "6,7"]
    assert "OMP_NUM_THREADS" not in roles[0].env
