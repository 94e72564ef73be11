"""Control groups for the nodes of a cluster for tests, below one folder of every hierarchy, and their removal."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_TOP = "bionemo-tests"
_MOUNTED = Path("/sys/fs/cgroup")
_REMOVAL_SECONDS = 5


def make_cgroup(node: str) -> str:
    """Makes the group in which a node's kubelet keeps its pods, and returns its path inside a hierarchy.

    What an earlier life of the node has left goes first: a kubelet would wait for each of its containers.
    """
    _remove(node)
    for hierarchy in _hierarchies():
        group = hierarchy / _TOP / node
        group.mkdir(parents=True, exist_ok=True)
        for parent in (hierarchy, group.parent, group):
            _hand_down_controllers(parent)
    return f"/{_TOP}/{node}"


def remove_cgroups() -> None:
    """Removes the groups of all nodes; their processes are dead or dying."""
    _remove()


def _remove(*below: str) -> None:
    deadline = time.monotonic() + _REMOVAL_SECONDS
    tops = [hierarchy.joinpath(_TOP, *below) for hierarchy in _hierarchies()]
    while any(map(_is_left, tops)) and time.monotonic() < deadline:
        time.sleep(0.1)


def _hierarchies() -> Iterator[Path]:
    """The one of version 2, or those of version 1."""
    if (_MOUNTED / "cgroup.controllers").exists():
        yield _MOUNTED
    else:
        yield from (path for path in _MOUNTED.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink())


def _hand_down_controllers(group: Path) -> None:
    """Version 2 gives a group only the controllers that its parent hands down."""
    with contextlib.suppress(FileNotFoundError):
        controllers = (group / "cgroup.controllers").read_text(encoding="utf-8").split()
        wanted = " ".join(f"+{name}" for name in controllers)
        (group / "cgroup.subtree_control").write_text(wanted, encoding="utf-8")


def _is_left(top: Path) -> bool:
    for folder, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):  # a process is still in it; the caller comes again
            Path(folder).rmdir()
    return top.exists()
