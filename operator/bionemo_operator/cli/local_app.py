"""A TorchX application on this machine: started, looked at, signalled and ended.

TorchX starts the nodes and keeps their output. Signals are sent here: TorchX's own cancel kills after 10 seconds, which is too
soon for a checkpoint, and kills launchers without the processes that these have started.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from torchx.schedulers.local_scheduler import COMBINED_LOG, LocalScheduler
from torchx.specs import AppDef

_PROCESSES = Path("/proc")


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
        """End all processes at once, those in sessions of their own too."""
        family = [pid for node in self._processes if node.poll() is None for pid in (node.pid, *_descendants(node.pid))]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for node in self._processes:
            node.wait()

    def close(self) -> None:
        """Let TorchX finish its log files, once all nodes have ended; what still runs is killed."""
        self.kill()
        self._scheduler.describe(self._id)


def _shell_code(exit_code: int) -> int:
    """Python's negative signal numbers as shells write them."""
    return 128 - exit_code if exit_code < 0 else exit_code


def _descendants(pid: int) -> Iterator[int]:
    """All processes that a process and its children have started and that are still theirs."""
    parents = dict(_parents())
    for child in [child for child, parent in parents.items() if parent == pid]:
        yield child
        yield from _descendants(child)


def _parents() -> Iterator[tuple[int, int]]:
    for stat in _PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended just now
            # The second field is the program's name in brackets and may hold anything; the parent is the second after it.
            yield int(stat.parent.name), int(stat.read_text("utf-8", errors="replace").rpartition(")")[2].split()[1])
