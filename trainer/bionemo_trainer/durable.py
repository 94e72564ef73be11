"""Files that exist whole or not at all. Used wherever something is written; a process may be killed at any instruction here."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast


@contextmanager
def durable(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears under its name only when all of it is on disk; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as unfinished:
        try:
            yield cast("BinaryIO", unfinished)  # the wrapper is a binary file in all but its declared type
            unfinished.flush()
            os.fsync(unfinished.fileno())
            Path(unfinished.name).chmod(0o644)
            Path(unfinished.name).replace(path)
        except BaseException:
            Path(unfinished.name).unlink(missing_ok=True)
            raise
