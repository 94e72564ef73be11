"""A TorchX application on this machine: started, looked at, signalled and ended.

TorchX starts the nodes and keeps their output. Signals are sent here: TorchX's own cancel kills after 10 seconds, which is too
soon for a checkpoint, and kills launchers without the processes that these have started.
"""

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import cast

import psutil
from torchx.schedulers.local_scheduler import COMBINED_LOG, LocalScheduler
from torchx.specs import AppDef

_SECONDS_TO_DIE = 10.0
"""More than the kernel takes to end a killed process, unless a disk or a driver holds it."""
_SECONDS_BETWEEN_LOOKS = 0.02


class LocalApp:
    """A running application."""

    def __init__(self, app: AppDef, logs: Path, scheduler: LocalScheduler) -> None:
        """Starts it.

        Args:
            app: What to run.
            logs: Folder for what it writes, in a folder of its own below that of the scheduler's session.
            scheduler: TorchX's; it takes over SIGINT and SIGTERM when it is made.
        """
        self._roles: list[str] = [role.name for role in app.roles]
        self._scheduler = scheduler
        self._id = scheduler.submit(app, {"log_dir": str(logs)})
        started = scheduler._apps[self._id]  # noqa: SLF001 - TorchX tells neither processes nor exit codes otherwise
        self._log_folder = Path(started.log_dir)
        self._processes = [cast("subprocess.Popen[bytes]", started.role_replicas[name][0].proc) for name in self._roles]

    def exit_codes(self) -> list[int | None]:
        """How each node ended, as a shell would say it; None while it runs."""
        return [None if code is None else _shell_code(code) for code in (node.poll() for node in self._processes)]

    def log_of(self, rank: int) -> Path:
        """What the node of that rank wrote to standard output and standard error."""
        return self._log_folder.joinpath(self._roles[rank], "0", COMBINED_LOG)

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the launcher of each node, which passes it on to its processes."""
        for node in self._processes:
            if node.poll() is None:
                node.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all processes at once, those in sessions of their own too, and wait for that, but not for ever."""
        running = [psutil.Process(node.pid) for node in self._processes if node.poll() is None]
        family = [*running, *(child for launcher in running for child in launcher.children(recursive=True))]
        for process in family:
            with suppress(psutil.NoSuchProcess):  # it ended just now
                process.kill()
        for node in self._processes:
            node.wait()
        until = time.monotonic() + _SECONDS_TO_DIE
        while any(map(_is_alive, family)) and time.monotonic() < until:
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def close(self) -> None:
        """Let TorchX finish its log files, once all nodes have ended; what still runs is killed."""
        self.kill()
        self._scheduler.describe(self._id)


def _is_alive(process: psutil.Process) -> bool:
    """Whether it has not ended; one that ended may still be listed, if nobody asks how."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _shell_code(exit_code: int) -> int:
    """Python's negative signal numbers as shells write them."""
    return 128 - exit_code if exit_code < 0 else exit_code
