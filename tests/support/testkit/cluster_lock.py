"""One cluster of nodes on a host at a time; the kernel releases the lock of a process that dies."""

import contextlib
import fcntl
from collections.abc import Iterator

from testkit.cluster_programs import cache_folder


class ClusterTakenError(Exception):
    """Another cluster of nodes runs on this host."""


@contextlib.contextmanager
def sole_cluster() -> Iterator[None]:
    """Keeps other clusters away until the block is left.

    Raises:
        ClusterTakenError: There is one already.
    """
    path = cache_folder() / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterTakenError(
                f"{path} is locked: another cluster for tests runs on this host, and one is all that its network has room for. "
                "End it (tests/cluster/cluster down, or the tests that hold it) and try again."
            ) from None
        yield
