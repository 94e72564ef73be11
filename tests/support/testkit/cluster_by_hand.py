"""The command tests/cluster/cluster: one cluster of the user's own, which stays up between commands.

`up` leaves a keeper behind, a process that holds the cluster as a test would; the cluster ends with it.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from testkit.cluster_control_plane import control_plane
from testkit.cluster_images import built_images
from testkit.cluster_lock import ClusterTakenError
from testkit.cluster_programs import REPOSITORY, Level, built_programs
from testkit.cluster_volumes import spare_volumes
from testkit.cluster_with_nodes import cluster_with_nodes, remove_leftovers

_UP_SECONDS = 900
"""The first start after the images have changed imports them, which takes minutes."""
_DOWN_SECONDS = 30
_LEVELS: dict[str, Level] = {"1": "level1", "2": "level2"}


def main() -> int:
    """Runs a command and returns its exit code."""
    verbs: dict[str, Callable[..., int]] = {
        "up": _up,
        "down": _down,
        "status": _status,
        "kubeconfig": _kubeconfig,
        "keep": _keep,
    }
    parser = argparse.ArgumentParser(prog="cluster", description="A Kubernetes by hand, on this host alone.")
    parser.add_argument("verb", choices=verbs, metavar="up|down|status|kubeconfig")  # keep is for itself alone
    parser.add_argument(
        "--level",
        choices=_LEVELS,
        default="1",
        help="1: a control plane without nodes; 2: two nodes that run pods, as root",
    )
    parser.add_argument(
        "--images",
        action="store_true",
        help="with level 2: our images on the nodes, and volumes of the class shared; the chart brings the definitions",
    )
    parsed = parser.parse_args()
    if parsed.images and parsed.level != "2":
        parser.error("--images needs nodes that hold them: add --level 2")
    if parsed.verb in {"up", "keep"}:
        verbs[parsed.verb] = partial(verbs[parsed.verb], level=parsed.level, has_images=parsed.images)
    return verbs[parsed.verb](_state_folder())


def _state_folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state) / "bionemo-cluster"


def _up(folder: Path, level: str, has_images: bool) -> int:
    """Starts the cluster when there is none, and waits until it is ready."""
    if _keeper_of(folder) is None:
        built_programs(_LEVELS[level])  # here, where its progress is seen
        try:
            if has_images:
                built_images()
        except ClusterTakenError as error:
            return _refuse(str(error))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with (folder / "keeper.log").open("wb") as log:
            command = [sys.executable, "-m", "testkit.cluster_by_hand", "keep", f"--level={level}"]
            command += ["--images"] if has_images else []
            keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        _wait(lambda: (folder / "ready").exists() or keeper.poll() is not None, _UP_SECONDS)
        if not (folder / "ready").exists():
            keeper.terminate()
            keeper.wait()
            return _refuse(f"it did not come up:\n{(folder / 'keeper.log').read_text(encoding='utf-8')}")
    return _status(folder)


def _down(folder: Path) -> int:
    """Ends the cluster and forgets its data."""
    keeper = _keeper_of(folder)
    if keeper is not None:
        os.kill(keeper, signal.SIGTERM)
        _wait(lambda: _keeper_of(folder) is None, _DOWN_SECONDS)
    elif os.geteuid() == 0:
        with contextlib.suppress(ClusterTakenError):  # tests hold one, and will clean up after it
            remove_leftovers()
    shutil.rmtree(folder, ignore_errors=True)
    return _say("gone" if keeper is not None else "there is none")


def _status(folder: Path) -> int:
    """Says whether there is a cluster, and how to reach it; the exit code is 1 when there is none that is ready."""
    if _keeper_of(folder) is None:
        _say("there is none; cluster up starts one")
        return 1
    if not (folder / "ready").exists():
        _say(f"starting; its log is {folder}/keeper.log")
        return 1
    kubectl = built_programs().path("kubectl")
    return _say(
        f"up; its logs are in {folder}/plane\nexport KUBECONFIG={folder}/plane/kubeconfig PATH={kubectl.parent}:$PATH"
    )


def _kubeconfig(folder: Path) -> int:
    """Prints the path of the administrator's kubeconfig."""
    if _keeper_of(folder) is None:
        return _refuse("there is none; cluster up starts one")
    return _say(f"{folder}/plane/kubeconfig")


def _keep(folder: Path, level: str, has_images: bool) -> int:
    """Holds the cluster until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leaves the block below in order, also while it is starting
    (folder / "keeper.pid").write_text(str(os.getpid()), encoding="utf-8")
    plane = folder / "plane"
    plane.mkdir()
    with _running(plane, level, has_images):
        (folder / "ready").touch()
        while True:
            signal.pause()


@contextlib.contextmanager
def _running(folder: Path, level: str, has_images: bool) -> Iterator[None]:
    crds = [REPOSITORY / "crds"]
    if level == "1":
        with control_plane(folder, crds):
            yield
    elif not has_images:
        with cluster_with_nodes(folder, crds):
            yield
    else:
        with cluster_with_nodes(folder, images=built_images()) as cluster:
            spare_volumes(cluster.kubectl, folder / "volumes")
            yield


def _keeper_of(folder: Path) -> int | None:
    """Process id of who holds the cluster; None when nobody does."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        keeper = int((folder / "keeper.pid").read_text(encoding="utf-8"))
        if b"testkit.cluster_by_hand" in Path(f"/proc/{keeper}/cmdline").read_bytes():
            return keeper
    return None


def _wait(is_done: Callable[[], bool], within_seconds: float) -> None:
    deadline = time.monotonic() + within_seconds
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.1)


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


def _refuse(text: str) -> int:
    sys.stderr.write(f"cluster: {text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
