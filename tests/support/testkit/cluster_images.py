"""Our images, really built from their Dockerfiles by tests/cluster/images.sh; quick when nothing has changed."""

import gzip
import subprocess
from collections.abc import Sequence
from pathlib import Path

from testkit.cluster_lock import sole_cluster
from testkit.cluster_oci import Image, image_in_layout
from testkit.cluster_programs import REPOSITORY

_NAMES = ("localhost/bionemo-operator:test", "localhost/bionemo-trainer:test")
_PIECE_BYTES = 1 << 20


def built_images() -> Sequence[Image]:
    """Builds both; progress goes to standard error.

    Raises:
        ClusterTakenError: A cluster runs on this host, whose images would be replaced.
        subprocess.CalledProcessError: A build failed.
    """
    subprocess.run([REPOSITORY / "tests/cluster/packages.sh"], check=True)
    with sole_cluster():
        done = subprocess.run([REPOSITORY / "tests/cluster/images.sh"], check=True, stdout=subprocess.PIPE, text=True)
    layout = Path(done.stdout.strip())
    return [image_in_layout(layout, name) for name in _NAMES]


def compressed_bytes(image: Image) -> int:
    """What a registry would store of it, in gzip's quickest setting, which is the largest."""
    return sum(_compressed_bytes(blob) for blob in image.blobs.values() if isinstance(blob, Path))


def _compressed_bytes(blob: Path) -> int:
    counter = _Counter()
    with blob.open("rb") as source, gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=1) as target:
        while piece := source.read(_PIECE_BYTES):
            target.write(piece)
    return counter.written_bytes


class _Counter:
    """A file that forgets what is written to it."""

    written_bytes = 0

    def write(self, piece: bytes) -> int:
        """Counts."""
        self.written_bytes += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is kept."""
