"""The programs of a cluster for tests, built by tests/cluster/build.sh on first use; later calls take milliseconds."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

REPOSITORY = Path(__file__).parents[3]
_MONTH_SECONDS = 30 * 24 * 3600

type Level = Literal["level1", "level2"]
"""What is built: a control plane, or all that runs pods as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A folder of programs and of what comes with them."""

    folder: Path
    """What the build made."""

    def path(self, name: str) -> Path:
        """Where a program is."""
        return self.folder / "bin" / name

    @property
    def manifests(self) -> Path:
        """The training operator's own manifests."""
        return self.folder / "training-operator-manifests"


def cache_folder() -> Path:
    """What outlives a cluster: programs, images, and the disks of nodes while they run; outside the checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bionemo-cluster"


def built_programs(level: Level = "level1") -> Programs:
    """Builds what is missing; its progress goes to standard error.

    Raises:
        subprocess.CalledProcessError: The build failed.
    """
    build = subprocess.run(
        [REPOSITORY / "tests/cluster/build.sh", level], check=True, stdout=subprocess.PIPE, text=True
    )
    folder = Path(build.stdout.strip())
    forget_unused(folder)
    return Programs(folder=folder)


def forget_unused(folder: Path) -> None:
    """Notes that programs are in use, and removes those beside them that no clone has used for a month."""
    os.utime(folder)
    for other in folder.parent.glob("?" * len(folder.name)):
        if time.time() - other.stat().st_mtime > _MONTH_SECONDS:
            shutil.rmtree(other, ignore_errors=True)  # others may be at it too
