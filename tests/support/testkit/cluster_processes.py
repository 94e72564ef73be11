"""Programs of a cluster as plain processes: started with a log file each, awaited, and never left behind.

They end with whoever started them, even when that is killed: the kernel sees to it (setpriv --pdeathsig). So they must be
started by a thread that outlives them, such as the main one.
"""

import itertools
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testkit.cluster_waiting import PATIENCE_SECONDS

_POLL_SECONDS = 0.1
_LINES_SHOWN = 20
_PORTS = range(20000, 32768)


class NotReadyError(Exception):
    """Something did not come up; the message ends with the last lines of the program's log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A program that was started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    """What it says, on both outputs."""

    @property
    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LINES_SHOWN:])

    def stop(self, grace_seconds: float = 10) -> None:
        """Ends it and waits; one that does not heed SIGTERM is killed. Does nothing when it is gone."""
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it as a crash would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    through: Sequence[str | Path] = (),
) -> Running:
    """Starts a program in a process group of its own; its log is `FOLDER/NAME.log`, added to when it exists.

    Args:
        command: The program and its arguments.
        folder: For the log.
        environment: Variables to set besides the inherited ones.
        through: A command that runs the program, such as one that enters a machine.
    """
    name = Path(command[0]).name
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *through, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    return Running(name=name, process=process, log=log)


def await_ready(
    what: str, is_ready: Callable[[], bool], programs: Sequence[Running], within_seconds: float = PATIENCE_SECONDS
) -> None:
    """Waits until something holds.

    Args:
        what: What is awaited, for the message.
        is_ready: Asked again and again.
        programs: Who must stay alive meanwhile; the last one is to blame for a delay.
        within_seconds: How long to wait.

    Raises:
        NotReadyError: A program ended, or the time was up.
    """
    deadline = time.monotonic() + within_seconds
    while not is_ready():
        for program in programs:
            if (code := program.process.poll()) is not None:
                raise NotReadyError(f"{program.name} ended with {code} before {what}; it said:\n{program.last_words}")
        if time.monotonic() > deadline:
            program = programs[-1]
            said = f"{program.name} ({program.log}) said:\n{program.last_words}"
            raise NotReadyError(f"{what}: not after {within_seconds:.0f} s; {said}")
        time.sleep(_POLL_SECONDS)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on; all different.

    They lie below those that the kernel gives to outgoing connections, one of which would else take a port before the
    program that it is meant for: an API server opens a hundred connections while it starts.
    """
    drawn = random.SystemRandom().sample(_PORTS, k=len(_PORTS))  # pytest-randomly gives all its workers the same seed
    return list(itertools.islice(filter(_is_free, drawn), count))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
