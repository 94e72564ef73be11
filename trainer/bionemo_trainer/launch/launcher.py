"""Start the ranks of this node with torch's elastic launcher, and end with the exit code that explains what happened.

The entry point of training containers, and of each node of a run on a workstation. It adds three things to torchrun: the exit
codes of the contract survive, the time that ranks get to save comes from the grace period, and the last words are written for
Kubernetes. All ranks of an attempt end together; whether another attempt follows is the operator's decision.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, launch_agent

from bionemo_trainer.contract import ExitCode
from bionemo_trainer.launch.reports import Report, cause_of, read_progress, read_reports, termination_message
from bionemo_trainer.settings import LAUNCHED_AT, REPORTS, LaunchSettings

RESERVE_SECONDS = 5
"""Part of the grace period that is left for this process to write its last words."""
RENDEZVOUS_SECONDS = 900
"""How long a node waits for the others; an image of 20 GB may take minutes to arrive on the last of them."""
SIGNAL_BASE = 128
"""Shells and Kubernetes report a process killed by signal n as 128 + n."""


def launch(settings: LaunchSettings, module: str, arguments: Sequence[str]) -> int:
    """Run `python -m module arguments` on every rank of this node and return the exit code for this process.

    It owns its process: signals are handled and the environment of the ranks is set here.

    Args:
        settings: This node and the others.
        module: What each rank runs; ranks say how they ended with `launch.reports`.
        arguments: Its arguments.
    """
    with tempfile.TemporaryDirectory(prefix="bionemo-reports-") as folder:
        os.environ[REPORTS] = folder
        os.environ[LAUNCHED_AT] = str(int(psutil.Process().create_time() * 1000))
        seen = _run(launch_config(settings), ["-m", module, *arguments])
        cause = seen if seen.exit_code == ExitCode.OK else cause_of(read_reports(Path(folder)), seen)
        progress = read_progress(Path(folder))
    if settings.termination_log is not None:
        settings.termination_log.write_text(termination_message(cause, progress), encoding="utf-8")
    return cause.exit_code


def launch_config(settings: LaunchSettings) -> LaunchConfig:
    """The same as torch's own type."""
    config = LaunchConfig(
        min_nodes=settings.nodes,
        max_nodes=settings.nodes,
        nproc_per_node=settings.processes,
        run_id=settings.run_id,
        role="rank",
        rdzv_backend="static" if settings.master_port else "c10d",
        rdzv_endpoint=f"{settings.master_address}:{settings.master_port}",
        rdzv_configs={"rank": settings.node_rank, "timeout": RENDEZVOUS_SECONDS},
        max_restarts=0,
        monitor_interval=0.2,
    )
    # A field only from torch 2.12 on; before, nobody reads it and ranks get 30 seconds. Can be an argument when no supported
    # image holds an older torch.
    config.shutdown_timeout = max(settings.grace_seconds - RESERVE_SECONDS, 1)
    return config


def _run(config: LaunchConfig, command: list[str]) -> Report:
    """What the launcher itself sees of the end; which rank began it is for the reports to say."""
    try:
        launch_agent(config, sys.executable, command)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        return _seen(rank, _shell_code(failure.exitcode), f"rank {rank} ended with code {failure.exitcode}")
    except SignalException as error:
        code = SIGNAL_BASE + error.sigval
        return _seen(0, code, f"stopped by {error.sigval.name} before any rank could say that a checkpoint was saved")
    return _seen(0, ExitCode.OK, "")


def _seen(rank: int, exit_code: int, message: str) -> Report:
    return Report(rank=rank, exit_code=exit_code, message=message, ended_at=time.time())


def _shell_code(exit_code: int) -> int:
    """Python's negative signal numbers as shells write them."""
    return SIGNAL_BASE - exit_code if exit_code < 0 else exit_code
