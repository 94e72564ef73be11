"""Real processes: a training of two ranks that is killed somewhere ends, started again, as if nothing had happened."""

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
import warnings

import psutil
import pytest
import yaml

from bionemo_trainer.run_folder import RunFolder, read_records
from testkit.fresh_processes import IN_FRESH_PROCESSES, PATIENCE_SECONDS

pytestmark = IN_FRESH_PROCESSES

if importlib.util.find_spec("megatron") is None:
    pytest.skip("training needs megatron-core", allow_module_level=True)

MAX_STEPS = 100
"""Far more than are done before a signal arrives."""
OVERRIDES = (
    "trainer.devices=2",
    f"trainer.max_steps={MAX_STEPS}",
    "model.data.num_workers=1",  # SIGTERM reaches the workers too, and must not end them
    "exp_manager.checkpoint_callback_params.every_n_train_steps=20",
    "trainer.limit_val_batches=0",
)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts a training of a name in a process group of its own, and says where it writes."""
    with warnings.catch_warnings():  # megatron-core warns at its import that Transformer Engine and apex are missing
        warnings.simplefilter("ignore")
        importlib.import_module("megatron.core")
    from bionemo_trainer.config.load import to_tree  # noqa: PLC0415
    from testkit.networks import MEGAMOLBART  # noqa: PLC0415
    from testkit.step_cases import write_datasets  # noqa: PLC0415
    from testkit.trainings import config_for  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("stop_and_go")
    write_datasets(folder)

    def started(name, attempt=1):
        config = config_for(MEGAMOLBART, folder, name, *OVERRIDES)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(to_tree(config)))
        environment = {
            **os.environ,
            "BIONEMO_METRICS_PORT": "0",
            "BIONEMO_ATTEMPT": str(attempt),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "bionemo_trainer", f"--config-path={folder}", f"--config-name={name}"]
        environment.pop("COVERAGE_PROCESS_CONFIG", None)  # twice the time, for lines that other tests reach too
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        return process, RunFolder(path=folder / name)

    return started


def wait_for_lines(run, count, process):
    """Until the run has logged so often, or has ended."""
    while process.poll() is None and num_lines(run) < count:
        time.sleep(0.005)


def num_lines(run):
    return sum(1 for _ in read_records(run.metrics))


def ended(process):
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, errors.decode()


def kill_with_its_ranks(process):
    """As when a node ends; each rank has a session of its own, and would go on without the launcher."""
    launcher = psutil.Process(process.pid)
    for one in (launcher, *launcher.children(recursive=True)):
        one.kill()


def last_saved(run):
    from bionemo_trainer.training.checkpoint_folder import committed  # noqa: PLC0415

    return committed(run.checkpoints)[-1].manifest.step


def assert_went_on(process, *, from_step, exit_code):
    code, words = ended(process)
    assert (code, f"from step {from_step}" in words) == (exit_code, True), words


def test_killed_and_stopped_and_resumed_is_bit_for_bit_uninterrupted(start):
    from testkit.trainings import weights_in  # noqa: PLC0415

    whole, uninterrupted = start("whole")
    killed, run = start("halves")
    wait_for_lines(run, 25, killed)
    kill_with_its_ranks(killed)
    assert ended(killed)[0] == -signal.SIGKILL
    saved_before_the_kill, num_lines_when_killed = last_saved(run), num_lines(run)
    assert ended(whole)[0] == 0
    stopped, _ = start("halves", attempt=2)
    wait_for_lines(run, num_lines_when_killed + 2, stopped)
    stopped.send_signal(signal.SIGTERM)
    assert_went_on(stopped, from_step=saved_before_the_kill, exit_code=75)
    saved_by_the_stop = last_saved(run)
    assert 0 < saved_before_the_kill < saved_by_the_stop < MAX_STEPS
    resumed, _ = start("halves", attempt=3)
    assert_went_on(resumed, from_step=saved_by_the_stop, exit_code=0)
    assert weights_in(run.path) == weights_in(uninterrupted.path)
