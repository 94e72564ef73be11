"""The launcher with real processes: codes survive, the grace period holds, the last words are written."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch")

RANKS = """
import os, signal, sys, time
from pathlib import Path
from bionemo_trainer.errors import ConfigError, DataError, Problem
from bionemo_trainer.launch.reports import run_and_report

def data_error():
    raise DataError("x000.csv is torn; prepare it again.")

def save_on_request():
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    Path(sys.argv[2], "ready" + os.environ["RANK"]).touch()
    while not stopped:
        time.sleep(0.05)
    time.sleep(float(sys.argv[3]))
    return 75

CASES = {
    "fine": lambda: 0,
    "torn": lambda: data_error() if os.environ["RANK"] == "1" else time.sleep(60),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL) if os.environ["RANK"] == "0" else time.sleep(60),
    "stop": save_on_request,
    "arithmetic": lambda: Path(sys.argv[2], os.environ["RANK"]).write_text(os.environ["WORLD_SIZE"]) and 0,
}
if __name__ == "__main__":
    sys.exit(run_and_report(CASES[sys.argv[1]], rank=int(os.environ["RANK"]), folder=Path(os.environ["BIONEMO_REPORTS"])))
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "ranks_under_test.py").write_text(RANKS)
    return folder


@pytest.fixture
def launched(module, tmp_path):
    """Start the launcher of a node; the result is the process and where its last words go."""

    def start(*arguments, **environment):
        words = tmp_path / f"words{environment.get('PET_NODE_RANK', '')}"
        settings = {"PET_NPROC_PER_NODE": "2", "BIONEMO_TERMINATION_LOG": str(words), **environment}
        path = os.pathsep.join([str(module), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "bionemo_trainer.launch", "ranks_under_test", *map(str, arguments)]
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path, **settings}), words

    return start


def ended(process, words):
    return process.wait(timeout=300), json.loads(words.read_text())


def test_a_success_is_a_success(launched):
    code, words = ended(*launched("fine"))
    assert (code, words["exitCode"]) == (0, 0)


def test_the_code_and_words_of_the_failed_rank_survive(launched):
    code, words = ended(*launched("torn"))
    assert (code, words) == (65, {"exitCode": 65, "rank": 1, "message": "x000.csv is torn; prepare it again."})


def test_a_killed_rank_ends_the_node_with_the_code_of_its_signal(launched):
    code, words = ended(*launched("killed"))
    assert (code, words["message"]) == (137, "rank 0 ended with code -9")


def until_ready(folder, *names):
    deadline = time.monotonic() + 60
    while not all((folder / name).exists() for name in names):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ranks_that_save_within_the_grace_period_end_with_75(launched, tmp_path):
    process, words = launched("stop", tmp_path, 1.0, BIONEMO_GRACE_SECONDS="30")
    until_ready(tmp_path, "ready0", "ready1")
    process.send_signal(signal.SIGTERM)
    assert ended(process, words)[0] == 75


def test_ranks_that_save_too_long_are_killed_before_the_grace_period_ends(launched, tmp_path):
    process, words = launched("stop", tmp_path, 60.0, BIONEMO_GRACE_SECONDS="7")
    until_ready(tmp_path, "ready0", "ready1")
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code, last = ended(process, words)
    assert time.monotonic() - asked_at < 7
    assert (code, last["message"]) == (
        143,
        "stopped by SIGTERM before any rank could say that a checkpoint was saved",
    )


@pytest.mark.enable_socket
def test_two_nodes_make_one_world(launched, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    nodes = [
        launched("arithmetic", tmp_path, PET_NNODES="2", PET_NODE_RANK=str(rank), PET_MASTER_PORT=port)
        for rank in (0, 1)
    ]
    assert [ended(*node)[0] for node in nodes] == [0, 0]
    assert [(tmp_path / str(rank)).read_text() for rank in range(4)] == ["4"] * 4


def test_wrong_settings_are_told_before_torch_is_loaded(launched, tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit(3)")
    process, words = launched("fine", PET_NNODES="two", PYTHONPATH=str(tmp_path))
    assert process.wait(timeout=300) == 64
    assert not words.exists()
