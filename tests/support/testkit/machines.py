"""Machines made of namespaces: each has processes, mounts, a network and a name of its own, on one kernel and one disk.

A machine is its first process. When that ends, in order or by a crash of the tests, the kernel ends every other process in it
and takes its mounts, interfaces and packet filters back: nothing is left to clean up.
"""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path

from testkit.cluster_processes import Running, await_ready, start

_OWN_FOLDERS = ("/run", "/var/lib", "/var/log")
"""Where programs keep what another machine must not see; in memory."""
_KERNEL_SETTINGS = {
    "/proc/sys/kernel/panic": 10,
    "/proc/sys/kernel/panic_on_oops": 1,
    "/proc/sys/kernel/keys/root_maxkeys": 1_000_000,
    "/proc/sys/kernel/keys/root_maxbytes": 25_000_000,
    "/proc/sys/vm/overcommit_memory": 1,
    "/proc/sys/vm/panic_on_oom": 0,
}
"""Settings of the one kernel that a kubelet wants to have, and would change for everybody: machines read these values instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that is on."""

    name: str
    folder: Path
    """For logs."""
    pid: int
    """Of its first process, as seen from outside."""
    _switch: Running
    """Whose end is the machine's."""
    _programs: list[Running] = field(default_factory=list)

    def run(self, *command: str | Path, stdin: str | None = None) -> str:
        """Runs a command on it and returns what it prints.

        Raises:
            RuntimeError: It failed, with its own words.
        """
        words = [*map(str, self._entrance), *map(str, command)]
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, command))}: {done.stderr.strip()}")
        return done.stdout

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Running:
        """Starts a program on it, as `cluster_processes.start` does."""
        running = start(command, self.folder, environment, through=self._entrance)
        self._programs.append(running)
        return running

    def pipe_into(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Starts a command on it that reads what the caller writes."""
        return subprocess.Popen([*self._entrance, *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def switch_off(self) -> None:
        """Ends all its processes at once, as a loss of power would."""
        self._switch.kill()
        for program in self._programs:
            program.process.wait()

    @property
    def _entrance(self) -> Sequence[str | Path]:
        return ("nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--uts", "--")


def switch_on(name: str, folder: Path) -> Machine:
    """Starts a machine with nothing but a loopback interface.

    Args:
        name: Its host name.
        folder: For logs; made when missing.

    Raises:
        NotReadyError: Namespaces are not to be had here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The first process ignores the deaths of orphans, so that the kernel buries them.
    first = ("env", "--ignore-signal=CHLD", "sleep", "infinity")
    apart = ("--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", "--propagation=private")
    switch = start(("unshare", *apart, "--", *first), folder)
    await_ready(f"machine {name} is on", lambda: _first_process(switch) is not None, [switch])
    pid = _first_process(switch)
    assert pid is not None
    machine = Machine(name=name, folder=folder, pid=pid, _switch=switch)
    machine.run("sh", "-ec", _preparation(name))
    return machine


def _first_process(switch: Running) -> int | None:
    children = (
        Path(f"/proc/{switch.process.pid}/task/{switch.process.pid}/children").read_text(encoding="utf-8").split()
    )
    if not children or Path(f"/proc/{children[0]}/comm").read_text(encoding="utf-8").strip() != "sleep":
        return None
    return int(children[0])


def _preparation(name: str) -> str:
    return "\n".join(
        (
            f"hostname {name}",
            "mount --make-rshared /",  # kubelets hand mounts on to containers
            *(f"mount -t tmpfs tmpfs {path}" for path in _OWN_FOLDERS),
            *starmap(_pretend, _KERNEL_SETTINGS.items()),
            "ip link set lo up",
        )
    )


def _pretend(setting: str, value: int) -> str:
    copy = f"/run/{setting.replace('/', '-')}"
    return f"echo {value} >{copy} && mount --bind {copy} {setting}"
