"""`bionemo run` with TorchX's local scheduler and real processes, a stand-in in the place of the trainer."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from torchx.schedulers.local_scheduler import create_scheduler
from typer.testing import CliRunner

from bionemo_operator.cli.app import app
from bionemo_operator.cli.follow import Patience
from bionemo_operator.cli.local_app import LocalApp
from bionemo_operator.cli.run import Request, going_on, run_files
from bionemo_operator.cli.selection import Changes
from bionemo_operator.cli.stop_wishes import StopWishes
from bionemo_operator.planning.plan import Plan
from bionemo_operator.planning.torchx_app import Place, app_for
from bionemo_trainer.errors import ConfigError
from testkit.documents import preprocess_document, training_document
from testkit.preparation import molecule_table

SUPPORT = Path(__file__).parents[2] / "support"
PREPARATION = preprocess_document(
    "few",
    source={"claim": {"name": "raw"}},
    output={"claim": {"name": "data"}, "path": "few", "files": 1},
    split={"validation": "10", "test": "10"},
)
TRAINING = training_document(
    "mine",
    recipe="molecule/megamolbart/pretrain_xsmall_span_aug",
    nodes=1,
    gpusPerNode=0,
    processesPerNode=2,
    dataset={"preprocessRef": {"name": "few"}},
    results={"claim": {"name": "results"}},
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text(molecule_table())
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([TRAINING, PREPARATION]))
    return tmp_path


@pytest.fixture
def stand_in(folder, monkeypatch):
    """Run the files with a stand-in that behaves in a given way; the result is the exit code."""

    def run_it(behaviour, *, fresh=False, grace_seconds=60, **changes):
        monkeypatch.setenv("STAND_IN", behaviour)
        request = Request(
            paths=[folder / "all.yaml"],
            changes=Changes(**changes),
            claims=[f"raw={folder / 'raw'}"],
            fresh=fresh,
            command=["bionemo", "run", "-f", "all.yaml", "--fresh"],
            module="testkit.stand_in_trainer",
            patience=Patience(grace_seconds=grace_seconds, reserve_seconds=0.5, orphan_seconds=1.0),
        )
        return run_files(request)

    return run_it


def signalled(path, *numbers):
    """Send signals to this process, as a user's terminal would, each when a file is there."""

    def send():
        for number in numbers:
            deadline = time.monotonic() + 60
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            if path.exists():
                os.kill(os.getpid(), number)
            time.sleep(1.0)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def is_running(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.enable_socket
def test_data_are_prepared_and_a_model_is_trained_on_them(stand_in, folder, capsys):
    assert stand_in("finish") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "few: molecule/zinc15 -> volumes/data/few"
    assert lines[2].startswith("mine: attempt 1, log in volumes/results/mine/logs/attempt-1/mine-")
    assert lines[3] == "  mine  starting"
    assert lines[-5:] == [
        "mine: finished at step 4: training loss 3.500 -> 1.250, validation loss 1.500",
        "  ✓ C[C@@H]<MASK>  ->  C[C@@H](N)C",
        "  ✗ OC<MASK>  ->  CCN   (wanted CCO)",
        "  results    volumes/results/mine",
        "  more       bionemo report volumes/results/mine",
    ]
    share = json.loads((folder / "volumes/results/mine/share.json").read_text())
    threads = str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert share == {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": threads, "BIONEMO_ATTEMPT": "1"}


@pytest.mark.enable_socket
def test_a_finished_run_has_nothing_to_do_until_it_is_begun_afresh(stand_in, folder, capsys):
    assert [stand_in("finish"), stand_in("finish"), stand_in("finish", fresh=True)] == [0, 0, 0]
    told = [
        line.split(":")[1]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("mine: ")
        if "at step" in line
    ]
    assert told == [" finished at step 4", " had already finished at step 4", " finished at step 4"]
    assert (folder / "volumes/results/mine.1/records/metrics.jsonl").exists()


@pytest.mark.enable_socket
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_signal_reaches_the_training_once_and_it_saves(stand_in, folder, capsys, number):
    former = signal.getsignal(number)
    run_folder = folder / "volumes/results/mine"
    thread = signalled(run_folder / "ready", number)
    assert stand_in("stop") == 75
    thread.join()
    assert (run_folder / "asked").read_text() == "1"
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "mine: saved and stopped; the same command goes on from step 2:",
        "  bionemo run -f all.yaml",
    ]
    assert signal.getsignal(number) == former


@pytest.mark.enable_socket
def test_a_second_signal_ends_every_process_at_once(stand_in, folder, capsys):
    run_folder = folder / "volumes/results/mine"
    thread = signalled(run_folder / "ready", signal.SIGINT, signal.SIGINT)
    assert stand_in("ignore") == 137
    thread.join()
    assert "mine: stopped before it could save; the same command begins anew:" in capsys.readouterr().out
    assert not is_running((run_folder / "child").read_text())


@pytest.mark.enable_socket
def test_a_training_that_does_not_stop_in_time_is_ended(stand_in, folder):
    thread = signalled(folder / "volumes/results/mine/ready", signal.SIGTERM)
    assert stand_in("ignore", grace_seconds=1) == 137
    thread.join()


@pytest.mark.enable_socket
def test_a_failed_node_ends_the_others_and_says_why(stand_in, capsys):
    assert stand_in("fail", nodes=2, processes=1) == 70
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("mine: failed with exit code 70 (non finite)")
    assert (lines[start + 1], lines[start + 20]) == ("  │ line 10", "  │ line 29")
    assert lines[start + 21].startswith("  log        volumes/results/mine/logs/attempt-1/mine-")
    assert lines[start + 21].endswith("/node-1/0/combined.log")
    assert lines[start + 22] == "  error      the loss of step 3 is not finite."


def test_what_can_not_run_here_is_told_before_anything_is_prepared(stand_in, folder):
    with pytest.raises(ConfigError) as caught:
        stand_in("finish", gpus=1, overrides=("model.num_layers=0",))
    assert [str(problem) for problem in caught.value.problems] == [
        "mine: spec.gpusPerNode: 1 on 1 node asks for 1 GPU, and this machine has 0; "
        "run with --gpus 0 --processes 2 to train on its CPU.",
        "model.num_layers: 0 must be at least 1; change the number.",
    ]
    assert not (folder / "volumes").exists()


@pytest.mark.enable_socket
def test_warnings_are_told(stand_in, capsys):
    stand_in("finish", overrides=("++trainer.benchmark=True",))
    assert capsys.readouterr().err.startswith("warning: ")


@pytest.mark.usefixtures("folder")
def test_files_that_can_not_be_read_are_all_named():
    with pytest.raises(ConfigError) as caught:
        run_files(Request(paths=[Path("one.yaml"), Path("two.yaml")], changes=Changes()))
    assert len(caught.value.problems) == 2


@pytest.mark.usefixtures("folder")
def test_the_command_runs_what_is_named():
    arguments = ["run", "-f", "all.yaml", "--claim", "raw=raw", "--only", "few"]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "few: molecule/zinc15 -> volumes/data/few")


@pytest.mark.usefixtures("folder")
def test_options_of_the_command_reach_the_training():
    result = CliRunner().invoke(app, ["run", "-f", "all.yaml", "--nodes", "3", "--gpus", "2"])
    assert str(result.exception).startswith("mine: spec.gpusPerNode: 2 on 3 nodes asks for 6 GPUs")


def test_going_on_leaves_out_what_would_begin_anew():
    assert going_on(["bionemo", "run", "--fresh", "-f", "a b.yaml"]) == "bionemo run -f 'a b.yaml'"


def test_other_commands_do_not_load_torchx():
    code = "import sys; from bionemo_operator.cli.app import app; assert 'torchx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_application_that_is_closed_leaves_no_process(folder, monkeypatch):
    monkeypatch.setenv("STAND_IN", "none")
    plan = Plan(
        name="a",
        module="http.server",
        arguments=("--bind", "127.0.0.1", "0"),
        nodes=1,
        processes_per_node=1,
        gpus_per_node=0,
        environment={},
    )
    place = Place(cores=1, gpus=(), master_port=0, folder=folder)
    wishes = StopWishes()
    scheduler = create_scheduler("a")
    with wishes:
        started = LocalApp(app_for(plan, place), folder / "logs", scheduler)
        assert started.exit_codes() == [None]
        started.close()
    assert started.exit_codes() == [137]
    assert started.log_of(0).exists()
