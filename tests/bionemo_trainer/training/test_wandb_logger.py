"""Whatever Weights & Biases does, training goes on. The package is another one in each test, found like the real one."""

import logging
import sys
import threading
from textwrap import dedent

import pytest

from bionemo_trainer.config.schema.experiment import WandbConfig
from bionemo_trainer.training.wandb_logger import WandbLogger

RECORDS = """
    started, logged, finished = [], [], []

    class Run:
        def log(self, metrics, step):
            logged.append((step, metrics))

        def finish(self):
            finished.append(True)

    def init(**settings):
        started.append(settings)
        return Run()
"""
RAISES = """
    def init(**settings):
        raise RuntimeError("api_key not configured")
"""
HANGS = """
    import threading

    released = threading.Event()

    def init(**settings):
        released.wait()
        raise RuntimeError("released")
"""
NOT_EVERYTHING = "weights & biases did not take everything (success); the run's own files have it"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package `wandb`."""

    def install(source):
        (tmp_path / "wandb.py").write_text(dedent(source))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "wandb", raising=False)

    return install


@pytest.fixture
def hanging(installed):
    """Installs a package that hangs until the test is over."""
    installed(HANGS)
    import wandb  # noqa: PLC0415 - this test's

    yield
    wandb.released.set()
    for thread in threading.enumerate():
        if thread.name == "wandb":
            thread.join()  # its last words belong to this test, not to the next one


def logger(**changes):
    settings = WandbConfig(**{"project": "molecules", "name": "first", **changes})
    return WandbLogger(settings, "/results/a", closing_seconds=60.0)


def test_metrics_are_sent_in_their_order(installed, caplog):
    installed(RECORDS)
    sender = logger(group="g", job_type="j", notes="n", tags=("a", "b"))
    sender.log_hyperparams({"ignored": 1})
    sender.log_metrics({"val_loss": 2.0}, step=4)
    sender.log_metrics({"val_loss": 1.0})
    sender.finalize("success")
    sent = sys.modules["wandb"]
    assert sent.logged == [(4, {"val_loss": 2.0}), (0, {"val_loss": 1.0})]
    assert sent.started == [
        {
            "project": "molecules", "name": "first", "group": "g", "job_type": "j", "notes": "n", "tags": ("a", "b"),
            "mode": "online", "dir": "/results/a",
        }
    ]  # fmt: skip
    assert (sent.finished, caplog.messages) == ([True], [])


def test_a_run_may_stay_offline(installed):
    installed(RECORDS)
    sender = logger(offline=True)
    sender.finalize("success")
    assert sys.modules["wandb"].started[0]["mode"] == "offline"


def test_it_has_the_names_of_project_and_run(installed):
    installed(RECORDS)
    sender = logger()
    assert (sender.name, sender.version) == ("molecules", "first")
    sender.finalize("success")


def test_a_wrong_key_is_told_and_nothing_more(installed, caplog):
    installed(RAISES)
    sender = logger()
    sender.log_metrics({"val_loss": 2.0}, step=4)
    sender.finalize("success")
    assert caplog.messages == ["weights & biases is off: api_key not configured"]


def test_a_missing_package_is_told_and_nothing_more(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "wandb", None)
    sender = logger()
    sender.finalize("success")
    assert caplog.messages == ["weights & biases is off: import of wandb halted; None in sys.modules"]


@pytest.mark.usefixtures("hanging")
def test_a_dead_network_keeps_nobody_waiting(caplog):
    sender = WandbLogger(WandbConfig(), "/results/a", closing_seconds=0.01)
    sender.log_metrics({"val_loss": 2.0}, step=4)
    sender.finalize("success")
    assert caplog.record_tuples == [("bionemo_trainer.training.wandb_logger", logging.WARNING, NOT_EVERYTHING)]


@pytest.mark.usefixtures("hanging")
def test_more_than_can_wait_is_dropped_and_told(caplog):
    sender = WandbLogger(WandbConfig(), "/results/a", closing_seconds=0.01)
    for step in range(1_100):
        sender.log_metrics({"val_loss": 2.0}, step=step)
    sender.finalize("success")
    assert caplog.messages == [NOT_EVERYTHING]
    assert sender._num_dropped == 101
